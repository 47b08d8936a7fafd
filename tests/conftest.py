"""What holds for every test."""

import signal

# A shell starts what it runs in the background with Ctrl-C ignored, and `nohup` with SIGHUP; both
# are inherited: then no test could interrupt anything.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
