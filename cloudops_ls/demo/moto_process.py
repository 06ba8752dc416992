"""The child process that is the demo's AWS: moto in server mode on a free loopback port.

It says where it listens as one line of JSON on standard output, then serves until its standard
input ends. The parent holds the other end of that pipe, so this process ends with the parent
however the parent ends, SIGKILL included, on every platform.
"""

from __future__ import annotations

import json
import logging
import signal
import sys

from moto.server import ThreadedMotoServer

HOST = "127.0.0.1"


def main() -> int:
    """Serve until standard input is closed."""
    # Ctrl-C reaches the whole terminal group; the parent decides when the cloud goes away.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Request lines hold names of the estate.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    sys.stdout.write(json.dumps({"endpoint": f"http://{HOST}:{port}"}) + "\n")
    sys.stdout.flush()
    while sys.stdin.buffer.read(4096):
        pass
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
