/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Enters the base once per daemon: own mount, pid, ipc, uts and (by its row) network namespace, a
 * root that holds the base's /usr, its own state folder and only the sockets it may reach; then its
 * uid, no rights, exec (L7).
 */
#include "base/cleanup.h"
#include "base/daemon-options.h"
#include "base/dir.h"
#include "l2-kernel/confine.h"
#include "l2-kernel/rootfs.h"
#include "l7-shell/up-internal.h"
#include "l7-shell/up-workspaces.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TEXTS_MAX = 32,
	BINDS_MAX = TEXTS_MAX + UP_WORKSPACES_MAX,
	WORKSPACES_BYTES_MAX = 1024 * 1024,
	ENV_MAX = 12,
	FIRST_FD = 3, /* where inherited descriptors start: sd_listen_fds(3) */
	FDS_MAX = 8,  /* a socket, and the keys of a provider and of those that stand in */
	NAMES_BYTES = 256,
	HIGH_FD = 64,                /* out of the way while they are put in order */
	LOG_BYTES_MAX = 1024 * 1024, /* a log is turned over at a daemon's start */
	OPEN_FILES_MAX = 8192,       /* claw-egressd: a thousand connections, three each */
	PROCESSES_MAX = 64,
	LAUNCHER_PROCESSES_MAX = 8192,
};
#define FILE_BYTES_MAX (UINT64_C(8) << 30)
#define DATA_BYTES_MAX (UINT64_C(1) << 30)
#define LLM_DATA_BYTES_MAX (UINT64_C(6) << 30)
#define CAP(name) (UINT64_C(1) << (name))
/* What claw-sandboxd needs to make cages: docs/architecture/l2-kernel.md. */
#define LAUNCHER_CAPABILITIES \
	(CAP(CAP_SYS_ADMIN) | CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_DAC_OVERRIDE))

/* Everything the child needs, made before the fork: after it only system calls and the plan are
 * left. */
struct entry {
	const struct up_row *row;
	struct up *up;
	struct rootfs_bind binds[BINDS_MAX];
	size_t n_binds;
	struct buf conf;
	char texts[TEXTS_MAX][PATH_MAX];
	struct up_workspace workspaces[UP_WORKSPACES_MAX];
	size_t n_texts;
	int fds[FDS_MAX]; /* in the order of LISTEN_FDNAMES */
	unsigned n_fds;
	char names[NAMES_BYTES];
	int log_fd, error_fd;
	int key_fds[UP_FALLBACK_MAX + 1];
	unsigned n_keys;
};

static void close_entry(struct entry *entry)
{
	buf_free(&entry->conf);
	close_fd(&entry->log_fd);
	close_fd(&entry->error_fd);
	for (unsigned i = 0; i < entry->n_keys; i++)
		close_fd(&entry->key_fds[i]);
}

static void add(struct entry *entry, const char *source, const char *target, unsigned flags)
{
	if (entry->n_binds < BINDS_MAX)
		entry->binds[entry->n_binds] = (struct rootfs_bind){
			.source = source, .source_fd = -1, .target = target, .flags = flags
		};
	entry->n_binds++;
}

/* A text that lives as long as the entry; "" when there is no room, which no bind accepts. */
static const char *text(struct entry *entry, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static const char *text(struct entry *entry, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (entry->n_texts == TEXTS_MAX)
		return "";
	va_start(ap, fmt);
	n = vsnprintf(entry->texts[entry->n_texts], PATH_MAX, fmt, ap);
	va_end(ap);
	return n < 0 || n >= PATH_MAX ? "" : entry->texts[entry->n_texts++];
}

static void add_etc(struct entry *entry)
{
	const char *base = entry->up->paths.base;

	if (entry->row->uid == 0) { /* the launcher hands the base's /etc on to cages */
		add(entry, text(entry, "%s/etc", base), "etc", 0);
		return;
	}
	add(entry, text(entry, "%s/etc/ld.so.cache", base), "etc/ld.so.cache", ROOTFS_OPTIONAL);
	if (entry->row->net_empty)
		return;
	add(entry, "/etc/resolv.conf", "etc/resolv.conf", ROOTFS_OPTIONAL);
	add(entry, "/etc/hosts", "etc/hosts", ROOTFS_OPTIONAL);
	/* The person's own certificate authorities, where there are any. */
	add(entry,
	    faccessat(AT_FDCWD, "/etc/ssl/certs/ca-certificates.crt", R_OK, AT_EACCESS) == 0
		    ? "/etc/ssl/certs/ca-certificates.crt"
		    : text(entry, "%s/etc/ssl/certs/ca-certificates.crt", base),
	    "etc/ssl/certs/ca-certificates.crt", ROOTFS_OPTIONAL);
}

static void add_run(struct entry *entry)
{
	const char *state = entry->up->paths.state;

	add(entry, text(entry, "%s/run/notify", state), "clawos/run/notify", ROOTFS_NOEXEC);
	for (size_t i = 0; entry->row->reaches[i]; i++) {
		const char *name = entry->row->reaches[i];

		if (strcmp(name, "llm") == 0 && !entry->up->paths.model)
			continue; /* no local model in this system */
		add(entry, text(entry, "%s/run/%s", state, name),
		    text(entry, "clawos/run/%s", name), ROOTFS_NOEXEC);
	}
}

/* The directories the person has made workspaces; one that is gone, or replaced by a link, is left
 * out. */
static int add_workspaces(struct entry *entry, struct error *err)
{
	auto_buf struct buf text = BUF(WORKSPACES_BYTES_MAX);
	int r = dir_read(entry->up->state_fd, "workspaces", &text);
	unsigned n = 0;

	if (r < 0 && r != -ENOENT)
		return FAIL(err, r, "workspaces: %s", strerror(-r));
	r = up_workspaces_parse(buf_string(&text), entry->workspaces, &n, err);
	for (unsigned i = 0; i < n && r == 0; i++)
		add(entry, entry->workspaces[i].path, entry->workspaces[i].target,
		    ROOTFS_WRITABLE | ROOTFS_SHALLOW | ROOTFS_OPTIONAL | ROOTFS_NOLINK);
	return r;
}

static int plan_binds(struct entry *entry, struct error *err)
{
	const struct up_paths *paths = &entry->up->paths;
	int r;

	add(entry, text(entry, "%s/usr", paths->base), "usr", ROOTFS_SHALLOW);
	add(entry, paths->bin, "clawos/bin", ROOTFS_SHALLOW);
	add(entry, paths->share, "clawos/share", ROOTFS_SHALLOW | ROOTFS_NOEXEC);
	add_etc(entry);
	add_run(entry);
	if (entry->row->keeps)
		add(entry, text(entry, "%s/%s", paths->state, entry->row->keeps), "clawos/state",
		    ROOTFS_WRITABLE | ROOTFS_NOEXEC | ROOTFS_SHALLOW);
	if (entry->row->on_demand && paths->model)
		add(entry, paths->model, "clawos/model.gguf", ROOTFS_NOEXEC);
	if (entry->row->on_demand && paths->prefixes)
		add(entry, paths->prefixes, "clawos/prefixes",
		    ROOTFS_NOEXEC | ROOTFS_SHALLOW | ROOTFS_OPTIONAL);
	if (entry->row->uid == 0) {
		add(entry, text(entry, "%s/workspace", paths->state), "workspace", ROOTFS_WRITABLE);
		add(entry, "/sys/fs/cgroup", "sys/fs/cgroup",
		    ROOTFS_WRITABLE | ROOTFS_NOEXEC | ROOTFS_OPTIONAL);
	}
	r = entry->row->uid == 0 ? add_workspaces(entry, err) : 0;
	if (r < 0)
		return r;
	if (entry->n_binds > BINDS_MAX || entry->n_texts == TEXTS_MAX)
		return FAIL(err, -E2BIG, "more than %d binds", BINDS_MAX);
	return 0;
}

static int open_log(struct entry *entry, struct error *err)
{
	const char *file = text(entry, "%s.log", entry->row->name);
	const char *old = text(entry, "%s.log.1", entry->row->name);
	int log_dir_fd = entry->up->log_fd;
	struct stat st;

	if (fstatat(log_dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_size > LOG_BYTES_MAX && renameat(log_dir_fd, file, log_dir_fd, old) < 0)
		return FAIL(err, -errno, "turn over log/%s: %m", file);
	entry->log_fd = dir_open_nolink(log_dir_fd, file, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (entry->log_fd < 0)
		return FAIL(err, entry->log_fd, "log/%s: %s", file, strerror(-entry->log_fd));
	return 0;
}

/* A key as one more inherited descriptor, a sealed memfd. */
static int add_key(struct entry *entry, const char *name, const char *key, struct error *err)
{
	size_t length = strlen(entry->names);
	int fd = dir_sealed_memfd("provider-key", key, strlen(key));

	if (fd < 0)
		return FAIL(err, fd, "provider key: %s", strerror(-fd));
	entry->key_fds[entry->n_keys++] = fd;
	entry->fds[entry->n_fds++] = fd;
	(void)snprintf(entry->names + length, sizeof(entry->names) - length, ":provider-key%s%s",
		       name ? "-" : "", name ? name : ""); /* names of the table are short */
	return 0;
}

/* The listening socket, and for the one that needs them the providers' keys. */
static int plan_fds(struct entry *entry, int listen_fd, struct error *err)
{
	const struct up_config *config = &entry->up->config;
	int r = 0;

	entry->fds[entry->n_fds++] = listen_fd;
	(void)snprintf(entry->names, sizeof(entry->names), "%s", entry->row->socket);
	if (entry->row->net_empty)
		return 0;
	if (config->provider_key)
		r = add_key(entry, NULL, config->provider_key, err);
	for (unsigned i = 0; r >= 0 && i < config->n_fallbacks; i++)
		r = add_key(entry, config->fallbacks[i].name, config->fallbacks[i].key, err);
	return r;
}

static int enter_root(struct entry *entry, struct error *err)
{
	static const struct rootfs_link links[] = { { "var/run", "/run" } };
	const struct rootfs_file files[] = {
		{ "clawos/conf", buf_string(&entry->conf) },
		{ "etc/passwd", "root:x:0:0:root:/:/usr/sbin/nologin\n"
				"nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n" },
		{ "etc/group", "root:x:0:\nnogroup:x:65534:\n" },
		{ "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n" },
	};
	const struct rootfs_plan plan = {
		.binds = entry->binds,
		.n_binds = entry->n_binds,
		.links = links,
		.n_links = sizeof(links) / sizeof(links[0]),
		.files = files,
		/* the launcher has the base's whole /etc instead */
		.n_files = entry->row->uid == 0 ? 1 : sizeof(files) / sizeof(files[0]),
		.usr_links = true,
		.dev = true,
		.proc = entry->row->uid == 0 ? ROOTFS_PROC_PLAIN : ROOTFS_PROC_HIDDEN,
		.tmp_mib = entry->row->uid == 0 ? 1 : 0,
	};
	int r = rootfs_separate(err);

	return r < 0 ? r : rootfs_become(&plan, err);
}

static int confine(const struct entry *entry, struct error *err)
{
	static const struct landlock_path paths[] = {
		{ .path = "/usr", .rights = LANDLOCK_READ | LANDLOCK_EXECUTE },
		{ .path = "/etc", .rights = LANDLOCK_READ, .optional = true },
		{ .path = "/clawos", .rights = LANDLOCK_READ },
		{ .path = "/clawos/bin", .rights = LANDLOCK_READ | LANDLOCK_EXECUTE },
		{ .path = "/clawos/state",
		  .rights = LANDLOCK_READ | LANDLOCK_WRITE,
		  .optional = true },
		{ .path = "/dev", .rights = LANDLOCK_READ | LANDLOCK_DEVICE },
		{ .path = "/proc", .rights = LANDLOCK_READ },
	};
	uid_t uid = up_agent_uid(&entry->up->agent, entry->row->uid);
	bool launcher = entry->row->uid == 0, llm = strcmp(entry->row->confine, "llm") == 0;
	const struct confine_options options = {
		.uid = uid,
		.gid = (gid_t)uid,
		.keep_capabilities = launcher ? LAUNCHER_CAPABILITIES : 0,
		.limits = { .processes = launcher ? LAUNCHER_PROCESSES_MAX : PROCESSES_MAX,
			    .open_files = OPEN_FILES_MAX,
			    .file_bytes = launcher ? CONFINE_UNLIMITED : FILE_BYTES_MAX,
			    .data_bytes = llm        ? LLM_DATA_BYTES_MAX
					  : launcher ? CONFINE_UNLIMITED /* cages get their own */
						     : DATA_BYTES_MAX,
			    .cpu_seconds = CONFINE_UNLIMITED },
		.close_from = FIRST_FD + (int)entry->n_fds,
		.parent_death_signal = SIGKILL,
		.paths = launcher ? NULL : paths,
		.n_paths = launcher ? 0 : sizeof(paths) / sizeof(paths[0]),
		.landlock_flags =
			entry->row->net_empty ? LANDLOCK_OUTWARD : LANDLOCK_OUTWARD | LANDLOCK_TCP,
		.profile = launcher ? NULL : entry->row->confine,
	};

	return confine_apply(&options, err);
}

/* Descriptors to their places: stdio, then 3… for the daemon; the error pipe stays, close-on-exec.
 */
static int arrange_fds(struct entry *entry, struct error *err)
{
	auto_fd int null_fd = dir_open_configured("/dev/null", O_RDWR, 0);
	int high[FDS_MAX];

	entry->error_fd = fcntl(entry->error_fd, F_DUPFD_CLOEXEC, HIGH_FD);
	for (unsigned i = 0; i < entry->n_fds; i++)
		high[i] = fcntl(entry->fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(entry->log_fd, STDOUT_FILENO) < 0 || dup2(entry->log_fd, STDERR_FILENO) < 0)
		return FAIL(err, -errno, "standard descriptors: %m");
	for (unsigned i = 0; i < entry->n_fds; i++)
		if (high[i] < 0 || dup2(high[i], FIRST_FD + (int)i) < 0)
			return FAIL(err, -errno, "inherited descriptors: %m");
	return 0;
}

/* "TZ=Area/City": TZ of the environment, else what the host's /etc/localtime points to. */
static bool person_zone(char *ret, size_t size)
{
	static const char folder[] = "/zoneinfo/";
	char target[PATH_MAX];
	const char *zone = getenv("TZ");
	ssize_t n;

	if (!zone || *zone == '\0') {
		n = readlinkat(AT_FDCWD, "/etc/localtime", target, sizeof(target) - 1);
		if (n < 0)
			return false;
		target[n] = '\0';
		zone = strstr(target, folder);
		if (!zone)
			return false;
		zone += sizeof(folder) - 1;
	}
	return (size_t)snprintf(ret, size, "TZ=%s", zone) < size;
}

static int execute(struct entry *entry, struct error *err)
{
	char program[PATH_MAX], owner[16], agent[16], fds[24], names[NAMES_BYTES + 16], zone[128];
	const char *const argv[] = { program, "--owner", owner, "--agent", agent, NULL };
	const char *envp[ENV_MAX] = { "PATH=/usr/bin:/usr/sbin",
				      "LANG=C.UTF-8",
				      "HOME=/",
				      "LISTEN_PID=1",
				      fds,
				      names,
				      "NOTIFY_SOCKET=/clawos/run/notify" };

	(void)snprintf(program, sizeof(program), "/clawos/bin/%s", entry->row->name);
	(void)snprintf(owner, sizeof(owner), "%u", (unsigned)geteuid());
	(void)snprintf(agent, sizeof(agent), "%u",
		       (unsigned)up_agent_uid(&entry->up->agent, DAEMON_AGENT_UID));
	(void)snprintf(fds, sizeof(fds), "LISTEN_FDS=%u", entry->n_fds);
	(void)snprintf(names, sizeof(names), "LISTEN_FDNAMES=%s", entry->names);
	if (person_zone(zone, sizeof(zone)))
		envp[7] = zone;
	if (confine(entry, err) < 0)
		return err->code;
	(void)execve(program, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	return FAIL(err, -errno, "run %s: %m", program);
}

static _Noreturn void become_daemon(struct entry *entry)
{
	struct error err = { 0 };
	sigset_t none;
	int r;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with these arguments */
	umask(0077);
	r = setsid() < 0 ? FAIL(&err, -errno, "setsid: %m") : 0;
	if (r == 0)
		r = enter_root(entry, &err);
	if (r == 0)
		r = arrange_fds(entry, &err);
	if (r == 0)
		(void)execute(entry, &err);                        /* it came back: err says why */
	(void)!write(entry->error_fd, err.text, strlen(err.text)); /* the parent reads it */
	_exit(EXIT_FAILURE);
}

/* Waits for the exec: the pipe closes with it; anything read is the reason why there was none. */
static int await_exec(int fd, pid_t pid, struct error *err)
{
	char reason[ERROR_TEXT_BYTES];
	ssize_t n;

	do
		n = read(fd, reason, sizeof(reason) - 1);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	(void)waitpid(pid, NULL, 0); /* it has ended or is about to */
	if (n < 0)
		return FAIL(err, -errno, "start: %m");
	reason[n] = '\0';
	return FAIL(err, -ENOEXEC, "%s", reason);
}

static int clone_daemon(struct entry *entry, pid_t *ret_pid, int *ret_pidfd, struct error *err)
{
	uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PIDFD |
			 (entry->row->net_empty ? CLONE_NEWNET : 0);
	int pidfd = -1;
	struct clone_args args = { .flags = flags,
				   .pidfd = (uint64_t)(uintptr_t)&pidfd,
				   .exit_signal = SIGCHLD };
	auto_fd int read_fd = -1;
	int pipe_fds[2];
	pid_t pid;
	int r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return FAIL(err, -errno, "pipe: %m");
	read_fd = pipe_fds[0];
	entry->error_fd = pipe_fds[1];
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return FAIL(err, -errno, "clone into new namespaces: %m");
	if (pid == 0)
		become_daemon(entry);
	close_fd(&entry->error_fd);
	entry->error_fd = -1;
	r = await_exec(read_fd, pid, err);
	if (r < 0) {
		close_fd(&pidfd);
		return r;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}

static void free_entry(struct entry *entry)
{
	if (!entry)
		return;
	close_entry(entry);
	free(entry);
}
DEFINE_CLEANUP(struct entry *, free_entry)

int up_enter(struct up *up, struct up_daemon *daemon, pid_t *ret_pid, int *ret_pidfd,
	     struct error *err)
{
	CLEANUP(free_entry_ptr) struct entry *entry = calloc(1, sizeof(*entry));
	int r;

	if (!entry)
		return FAIL(err, -ENOMEM, "out of memory");
	*entry = (struct entry){ .row = daemon->row,
				 .up = up,
				 .conf = BUF(UP_CONFIG_MAX),
				 .log_fd = -1,
				 .error_fd = -1 };
	r = up_config_deal(&up->config, daemon->row->config, !daemon->row->net_empty, &entry->conf);
	if (r < 0)
		return FAIL(err, r, "configuration: %s", strerror(-r));
	r = plan_binds(entry, err);
	if (r == 0)
		r = open_log(entry, err);
	if (r == 0)
		r = plan_fds(entry, daemon->listen_fd, err);
	if (r == 0)
		r = clone_daemon(entry, ret_pid, ret_pidfd, err);
	return r;
}
