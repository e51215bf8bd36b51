/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/probe-attempts.h"

#include "l2-kernel/probe-checks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEXT(string) ((uintptr_t)(string))
#define CHECK(name_, make_, works_) { .name = (name_), .make = (make_), .works = (works_) }
#define CALL(name_, call_, ...) \
	{ \
		.name = (name_), .call = (call_), .arguments = { __VA_ARGS__ } \
	}
/* Wrong on purpose: let in, the call ends with that error, and does nothing. */
#define WRONG(name_, stop_, call_, ...) \
	{ \
		.name = (name_), .call = (call_), .stop = (stop_), .arguments = { __VA_ARGS__ } \
	}
#define OPEN(name_, path_, flags_) \
	CALL(name_, SYS_openat, (uintptr_t)AT_FDCWD, TEXT(path_), (uintptr_t)(flags_), 0600)
#define SOCKET(name_, family_, type_, protocol_) \
	CALL(name_, SYS_socket, (family_), (type_), (protocol_))

enum { OWN_PID = 1, MEMORY_DEVICE = 1 << 8 | 1, SEGMENTS_TOO_MANY = 17 };

const struct probe_attempt probe_attempts[PROBE_ATTEMPTS] = {
	/* files */
	OPEN("read shadow passwords", "/etc/shadow", O_RDONLY),
	OPEN("see the host's state", "/clawos/state", O_RDONLY),
	OPEN("see the daemons' sockets", "/clawos/run", O_RDONLY),
	OPEN("see kernel objects", "/sys/kernel", O_RDONLY),
	OPEN("see home directories", "/home", O_RDONLY),
	OPEN("see root's home", "/root", O_RDONLY),
	OPEN("write to /usr", "/usr/.claw-cageprobe", O_WRONLY | O_CREAT),
	OPEN("write to /", "/.claw-cageprobe", O_WRONLY | O_CREAT),
	OPEN("write to /etc", "/etc/passwd", O_WRONLY),
	OPEN("write to /dev", "/dev/.claw-cageprobe", O_WRONLY | O_CREAT),
	OPEN("write to /run", "/run/.claw-cageprobe", O_WRONLY | O_CREAT),
	OPEN("change the program", "/clawos/bin/claw-cageprobe", O_WRONLY),
	OPEN("write to /proc", "/proc/self/comm", O_WRONLY),
	OPEN("set core_pattern", "/proc/sys/kernel/core_pattern", O_WRONLY),
	OPEN("read kernel symbols", "/proc/kallsyms", O_RDONLY),
	OPEN("use sysrq", "/proc/sysrq-trigger", O_WRONLY),
	OPEN("open memory", "/dev/mem", O_RDONLY),
	OPEN("open the kernel log", "/dev/kmsg", O_RDONLY),
	OPEN("open a terminal", "/dev/tty", O_RDWR),
	OPEN("make a terminal", "/dev/ptmx", O_RDWR),
	CALL("make a device", SYS_mknodat, (uintptr_t)AT_FDCWD, TEXT("/tmp/.claw-device"),
	     S_IFCHR | 0600, MEMORY_DEVICE),
	CALL("make a file set-uid", SYS_openat, (uintptr_t)AT_FDCWD, TEXT("/tmp/.claw-set-id"),
	     O_WRONLY | O_CREAT, S_ISUID | 0755),
	CALL("change a file to set-uid", SYS_fchmodat, (uintptr_t)AT_FDCWD, TEXT("/tmp"),
	     S_ISUID | 0755),
	CALL("give a file away", SYS_fchownat, (uintptr_t)AT_FDCWD, TEXT("/tmp"), 0, 0, 0),
	WRONG("open by handle", EFAULT, SYS_open_by_handle_at, (uintptr_t)AT_FDCWD, 0, O_RDONLY),
	CHECK("leave by /proc/1/root", probe_foreign_root, 0),
	CHECK("hide a mode behind openat2", probe_openat2, PROBE_READ | PROBE_WRITE),
	CHECK("write in the workspace", probe_write_workspace, PROBE_VIEW_WRITABLE),
	CHECK("write in /tmp", probe_write_tmp, PROBE_ALL),
	CHECK("run a program of /usr", probe_run_program, PROBE_EXECUTE),

	/* identity and rights */
	CHECK("have another id", probe_other_id, 0),
	CHECK("have a capability", probe_capability, 0),
	CHECK("gain rights by exec", probe_new_privileges, 0),
	CHECK("run unfiltered", probe_unfiltered, 0),
	CHECK("undo securebits", probe_securebits, 0),
	CHECK("raise a limit", probe_raise_limit, 0),
	CHECK("dump core", probe_core, 0),
	CHECK("inherit a descriptor", probe_descriptors, 0),
	CHECK("inherit an environment", probe_environment, 0),
	CALL("become root", SYS_setuid, 0),
	CALL("take root's group", SYS_setgid, 0),
	CALL("raise an ambient capability", SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
	     CAP_SYS_ADMIN),
	WRONG("move its own memory map", EINVAL, SYS_prctl, PR_SET_MM, PR_SET_MM_BRK, 0),
	CALL("change personality", SYS_personality, 0x0040000),

	/* processes */
	CHECK("see other processes", probe_processes, 0),
	CHECK("have a parent in sight", probe_parent, 0),
	CALL("signal others", SYS_kill, (uintptr_t)-1, 0),
	CALL("trace", SYS_ptrace, PTRACE_TRACEME, 0, 0, 0),
	CALL("read another's memory", SYS_process_vm_readv, OWN_PID, 0, 0, 0, 0),
	WRONG("take another's descriptor", EBADF, SYS_pidfd_getfd, 3, 0, 0),

	/* namespaces and mounts */
	CALL("make a user namespace", SYS_unshare, CLONE_NEWUSER),
	CALL("clone into namespaces", SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0),
	WRONG("clone3", EINVAL, SYS_clone3, 0, 0),
	WRONG("join a namespace", EINVAL, SYS_setns, 3, 0),
	CALL("mount", SYS_mount, TEXT("none"), TEXT("/tmp"), TEXT("tmpfs"), 0, 0),
	CALL("mount by descriptor", SYS_fsopen, TEXT("tmpfs"), 0),
	CALL("clone a mount", SYS_open_tree, (uintptr_t)AT_FDCWD, TEXT("/usr"), OPEN_TREE_CLONE),
	WRONG("make a mount writable", EINVAL, SYS_mount_setattr, (uintptr_t)AT_FDCWD, TEXT("/usr"),
	      0, 0, 0),
	CALL("unmount", SYS_umount2, TEXT("/workspace"), MNT_DETACH),
	CALL("pivot_root", SYS_pivot_root, TEXT("/tmp"), TEXT("/tmp")),
	CALL("chroot", SYS_chroot, TEXT("/tmp")),
	CALL("rename the machine", SYS_sethostname, TEXT("x"), 1),

	/* network */
	CHECK("have a network interface", probe_interfaces, 0),
	CHECK("reach a socket outside", probe_outside_socket, 0),
	SOCKET("speak IPv4", AF_INET, SOCK_STREAM, 0),
	SOCKET("speak IPv6", AF_INET6, SOCK_DGRAM, 0),
	SOCKET("send raw packets", AF_INET, SOCK_RAW, IPPROTO_ICMP),
	SOCKET("send frames", AF_PACKET, SOCK_RAW, 0),
	SOCKET("configure the network", AF_NETLINK, SOCK_RAW, 0),
	SOCKET("speak to the hypervisor", AF_VSOCK, SOCK_STREAM, 0),
	SOCKET("use kernel crypto", AF_ALG, SOCK_SEQPACKET, 0),

	/* the kernel itself */
	WRONG("load BPF", E2BIG, SYS_bpf, 5, 0, 0),
	WRONG("use io_uring", EFAULT, SYS_io_uring_setup, 1, 0),
	CALL("use userfaultfd", SYS_userfaultfd, 0),
	WRONG("count events", EFAULT, SYS_perf_event_open, 0, 0, 0, 0, 0),
	CALL("read keys", SYS_keyctl, KEYCTL_GET_KEYRING_ID, (uintptr_t)KEY_SPEC_USER_KEYRING, 1),
	CALL("add keys", SYS_add_key, TEXT("user"), TEXT("claw"), TEXT("x"), 1,
	     (uintptr_t)KEY_SPEC_PROCESS_KEYRING),
	WRONG("load a module", EINVAL, SYS_finit_module, 0, TEXT(""), 0),
	WRONG("load a kernel", EINVAL, SYS_kexec_load, 0, SEGMENTS_TOO_MANY, 0, 0),
	CALL("set the clock", SYS_settimeofday, 0, 0),
	WRONG("read the kernel's log", EINVAL, SYS_syslog, 3, 0, 0),
	CALL("account processes", SYS_acct, 0),
	WRONG("type into a terminal", ENOTTY, SYS_ioctl, 0, TIOCSTI, TEXT("x")),
	WRONG("type with high bits", ENOTTY, SYS_ioctl, 0, (uintptr_t)TIOCSTI | (uintptr_t)1 << 32,
	      TEXT("x")),
	WRONG("paste into a console", ENOTTY, SYS_ioctl, 0, 0x541c /* TIOCLINUX */, TEXT("\3")),
};

int probe_attempt_make(const struct probe_attempt *attempt)
{
	const uintptr_t *a = attempt->arguments;

	if (attempt->make)
		return attempt->make();
	if (syscall(attempt->call, a[0], a[1], a[2], a[3], a[4], 0) >= 0 || errno == attempt->stop)
		return 0;
	return -errno;
}
