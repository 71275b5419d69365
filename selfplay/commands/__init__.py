"""One thin file for each verb of the command line: flags, call, print."""
