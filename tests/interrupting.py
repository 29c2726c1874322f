"""Ctrl-C where a test wants it: KeyboardInterrupt as a function begins, or at a line."""

import signal
import sys
from collections import Counter


class Interrupts:
    """Count how often each function, or each line, of some files is reached; raise KeyboardInterrupt at one of them.

    That is where CPython looks at signals, among others. Files are told by how their names begin.
    """

    def __init__(self, files, lines, site=None, count=0):
        self.files, self.lines, self.site, self.count, self.reached = files, lines, site, count, Counter()

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *exception):
        sys.settrace(self.before)

    def trace(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(self.files):
            return None
        if event in ("call", "line"):
            site = f"{event} {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
            self.reached[site] += 1
            if site == self.site and self.reached[site] == self.count:
                handler = signal.getsignal(signal.SIGINT)  # where interrupts wait, not Python's own
                (handler if callable(handler) else signal.default_int_handler)(signal.SIGINT, frame)
        return self.trace if self.lines else None
