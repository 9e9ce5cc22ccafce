"""One file per verb of the command line: HELP, EXAMPLES, add_arguments and run."""
