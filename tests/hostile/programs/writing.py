"""What must not be changed: files outside, the inputs, packages, kernel settings, devices."""

from __future__ import annotations

from tests.hostile.programs.program import Program

WRITING = [
    Program("overwriting a file", 'return worked(lambda: open(p["target"], "w").write("spoilt"))'),
    Program(
        "truncating a file",
        """
worked(lambda: os.truncate(p["target"], 0))
return worked(lambda: os.open(p["target"], os.O_RDONLY | os.O_TRUNC))
""",
    ),
    Program(
        "removing and renaming",
        'return worked(lambda: os.unlink(p["target"])) or worked(lambda: os.rename(p["target"], p["target"] + "2"))',
    ),
    Program(
        "modes and times",
        """
worked(lambda: os.chmod(p["target"], 0))
worked(lambda: os.utime(p["target"], (1, 1)))
worked(lambda: os.chown(p["target"], os.getuid(), -1))
worked(lambda: os.setxattr(p["target"], "user.x", b"y"))
""",
    ),
    Program(
        "the time of a device",
        """
return any([worked(lambda: os.utime(f"/dev/{name}")) for name in ("null", "zero", "full", "random", "urandom")])
""",
        levels=("S3",),
    ),
    Program(
        "a new file beside the private ones", 'return worked(lambda: open(os.path.dirname(p["secret"]) + "/new", "w"))'
    ),
    Program(
        "the evaluator's code", 'return worked(lambda: open(p["evaluator"], "w").write("def evaluate(*_): return {}"))'
    ),
    Program("the ledger's content", 'return worked(lambda: open(p["ledger"], "a").write("x"))'),
    Program(
        "the inputs",
        'return worked(lambda: open(inputs / "data", "w").write("x")) or worked(lambda: open(inputs / "new", "w"))',
    ),
    Program(
        "packages",
        """
import numpy
return worked(lambda: open(os.path.dirname(numpy.__file__) + "/x.py", "w")) or worked(lambda: open(numpy.__file__, "a"))
""",
    ),
    Program(
        "the interpreter",
        'return worked(lambda: open(sys.executable, "r+b")) or worked(lambda: open(os.__file__, "a"))',
    ),
    Program(
        "system folders",
        """
folders = "/ /etc /usr /usr/lib /dev /var /lab /root /home /proc /run /opt /srv /sys".split()
return any(worked(lambda: open(f"{folder}/nightlab-hostile", "w")) for folder in folders)
""",
    ),
    Program(
        "kernel settings",
        """
names = "sys/kernel/core_pattern sysrq-trigger sys/vm/overcommit_memory sys/kernel/pid_max".split()
return any(worked(lambda: open(f"/proc/{name}", "r+b")) for name in names)
""",
    ),
    Program(
        "the parent's chance to survive",
        'return worked(lambda: open(f"/proc/{p[\'pid\']}/oom_score_adj", "w").write("1000"))',
    ),
    Program(
        "device files",
        """
disk = worked(lambda: os.mknod("disk", 0o60666, os.makedev(254, 0)))
return disk or worked(lambda: os.mknod("mem", 0o20666, os.makedev(1, 1)))
""",
    ),
    Program(
        "disks",
        """
paths = "/dev/vda /dev/sda /dev/nvme0n1 /dev/mem /dev/kmsg".split()
return any(worked(lambda: open(path, "rb").read(512)) for path in paths)
""",
    ),
]
