"""Settings compared: groups of runs, what differs between them, and how much stronger one is at equal compute.

settings   groups of runs, warnings, and all comparisons, as one record
verdict    the record in words and tables
picture    the record as a picture, coloured by setting
"""
