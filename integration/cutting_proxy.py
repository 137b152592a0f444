"""A TCP proxy that cuts a connection after an exact number of bytes of one direction."""
import dataclasses
import socket
import struct
import threading
from typing import Callable, Optional

RESET = struct.pack("ii", 1, 0)  # linger: closing forgets what was not sent and resets


@dataclasses.dataclass
class Cut:
    """The `after`-th byte of the direction is the last to pass; 0 cuts before the first one."""
    to_node: bool
    after: int
    reset: bool = False  # how both sides see the end: reset, or closed
    first: Optional[Callable[[], None]] = None  # called before the connection is cut, say to kill the node


class CuttingProxy:
    """Every connection passes through whole unless `next_cut` was set before it was made; a cut is for one connection."""

    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.next_cut = None
        self.cuts = 0
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        for each in self._open:
            each.end(reset=False)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            cut, self.next_cut = self.next_cut, None
            try:
                node = socket.create_connection(self._target, timeout=30)
            except OSError:
                client.close()
                continue
            node.settimeout(None)
            self._open = [each for each in self._open if not each.ended] + [_Passage(self, client, node, cut)]


class _Passage:
    def __init__(self, proxy, client, node, cut):
        self.proxy, self.client, self.node, self.cut = proxy, client, node, cut
        self.ended = False
        self._lock = threading.Lock()
        self._pumps = 2
        self._deaf = bool(cut and cut.to_node and cut.after == 0)  # what the node answers from here on does not pass
        for from_, to, to_node in ((client, node, True), (node, client, False)):
            from_.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(from_, to, cut if cut and cut.to_node == to_node else None), daemon=True).start()

    def _pump(self, from_, to, cut):
        left = cut.after if cut else None
        try:
            while left != 0 and (data := from_.recv(65536 if left is None else min(left, 65536))):
                left = None if left is None else left - len(data)
                if cut and cut.to_node and left == 0:
                    self._deaf = True  # before the node has the last byte, so its answer cannot overtake the cut
                if to is self.node or not self._deaf:
                    to.sendall(data)
            # cut only once there is a byte that is not to pass: else the other direction could be cut too early
            cut_now = left == 0 and (cut.to_node or from_.recv(1) != b"")
        except OSError:
            cut_now = False
        if cut_now:
            self.proxy.cuts += 1
            if cut.first:
                cut.first()
        self.end(reset=bool(cut_now and cut.reset))
        with self._lock:
            self._pumps -= 1
            if self._pumps > 0:
                return
        self.client.close()
        self.node.close()

    def end(self, reset):
        with self._lock:
            if self.ended:
                return
            self.ended = True
        for each in (self.client, self.node):
            try:
                if reset:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                each.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)  # wakes both directions; the second to end closes
            except OSError:
                pass
