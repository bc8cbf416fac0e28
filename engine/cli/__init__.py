"""The command line: arguments, prompt, rendering."""
