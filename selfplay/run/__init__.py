"""A run folder: written atomically, locked, resumed, read by everyone; every file with a format version.

`folder` names the files and has the lines and the lock, `session` opens a run to train in it, `read` reads one;
`checkpoint` keeps what a run goes on from, `formats` says which versions of all these are read.
"""
