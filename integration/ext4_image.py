"""A small ext4 file system in a file, to lose power on: what was synced survives, what was not is gone. Needs root and a loop device."""
import ctypes
import fcntl
import os
import pathlib
import signal
import struct
import subprocess
import time

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2  # the journal in memory is dropped too


def unavailable():
    """Why a loop mount cannot be made here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not os.path.exists("/dev/loop-control"):
        return "needs loop devices"
    return None


def stop_in_its_tracks(pid, seconds=10):
    """SIGSTOP, and until it has done so to every thread: none takes another step of its own. Those that wait for the disk (D) stop when they come back."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + seconds
    while not all(state(thread) in "TtDZX" for thread in pathlib.Path(f"/proc/{pid}/task").iterdir()):
        assert time.monotonic() < deadline, f"process {pid} does not stop"


def state(thread):
    try:
        return (thread / "stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "X"


def see_mounts_alone():
    """What the calling thread, and whatever it starts from now on, mounts is seen by nobody else: a process elsewhere that looks at the mounts at that moment, as
    every `ip netns exec` does, would keep a disk alive that is taken away. With the last process of ours they are gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000):  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "cannot have mounts of our own")
    subprocess.run(["/bin/mount", "--make-rprivate", "/"], check=True)
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        device, mount_point = line.split()[:2]
        if device.startswith("/dev/loop"):  # likewise we keep nobody else's
            subprocess.run(["/bin/umount", mount_point], capture_output=True)


class Ext4Image:
    def __init__(self, base, size_mib=256):
        self.image = pathlib.Path(base) / "disk.img"
        self.mount_point = pathlib.Path(base) / "disk"
        self.mount_point.mkdir(parents=True)
        with open(self.image, "wb") as image:
            image.truncate(size_mib << 20)
        subprocess.run(["/sbin/mkfs.ext4", "-q", "-F", self.image], check=True)

    def mount(self, *options):
        subprocess.run(["/bin/mount", "-o", ",".join(["loop", *options]), self.image, self.mount_point], check=True)
        return self

    def unmount(self):
        subprocess.run(["/bin/umount", self.mount_point], check=True)

    def lose_power(self, process):
        """Stops the process in its tracks, shuts the file system down without a flush, ends the process, mounts what is on the disk."""
        stop_in_its_tracks(process.pid)
        self.shut_down()
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        self.unmount()
        self.mount()

    def shut_down(self):
        """Nothing reaches the disk any more: what it has is what it has."""
        directory = os.open(self.mount_point, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(directory)

    def fail(self):
        """Every write and flush ends in an input/output error from here on, until it is mounted anew."""
        subprocess.run(["/bin/mount", "-o", "remount,abort", self.mount_point], check=True)

    def repair(self):
        """What is done to a disk that failed before it is mounted again."""
        done = subprocess.run(["/sbin/e2fsck", "-fy", self.image], capture_output=True)
        assert done.returncode in (0, 1), done.stdout.decode()  # 1: it mended something

    def fill(self, spare_bytes=0):
        """Takes all space but `spare_bytes`, until `free`."""
        status = os.statvfs(self.mount_point)
        with open(self.ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, status.f_bavail * status.f_frsize - spare_bytes))

    def free(self):
        self.ballast.unlink(missing_ok=True)

    @property
    def ballast(self):
        return self.mount_point / "ballast"

    def __enter__(self):
        return self.mount()

    def __exit__(self, *_):
        self.unmount()
