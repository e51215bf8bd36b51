/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/cage-ground.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "l2-kernel/cage-profile.h"
#include "l2-kernel/rootfs.h"
#include "l2-kernel/seccomp-filter.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { GROUND_KIB = 1024, FOLDER_MODE = 0700 };

static const struct rootfs_file etc_files[] = {
	{ "etc/passwd", "root:x:0:0:root:/:/usr/sbin/nologin\n"
			"nobody:x:65534:65534:nobody:/tmp:/bin/sh\n" },
	{ "etc/group", "root:x:0:\nnogroup:x:65534:\n" },
	{ "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n" },
	{ "etc/hosts", "127.0.0.1 localhost\n" },
	{ "etc/hostname", "cage\n" },
};
static const struct rootfs_link root_links[] = {
	{ "var/tmp", "/tmp" },
	{ "etc/os-release", "../usr/lib/os-release" },
	{ "etc/mtab", "../proc/self/mounts" },
};
/* What programs of /usr look for in /etc and holds nothing of the person. */
static const char *const etc_names[] = { "alternatives", "ld.so.cache", "localtime",
					 "magic",        "mime.types",  "protocols",
					 "services",     "ssl",         "terminfo" };
enum { ETC_NAMES = sizeof(etc_names) / sizeof(etc_names[0]), PROGRAMS = 2 };
static const char *const programs[PROGRAMS] = { "claw-toolwork", "claw-cageprobe" };
static const char *const root_dirs[] = { "proc", "tmp", "workspace", "run", NULL };

struct path_text {
	char text[CAGE_PATH_BYTES];
};

static const char *join(struct path_text *text, const char *folder, const char *name)
{
	int n = snprintf(text->text, sizeof(text->text), "%s/%s", folder, name);

	return n < 0 || (size_t)n >= sizeof(text->text) ? NULL : text->text;
}

static int build_root(const struct cage_ground_options *options, const char *at, struct error *err)
{
	enum { BINDS = 1 + PROGRAMS + ETC_NAMES };
	struct rootfs_bind binds[BINDS] = { { .source = "/usr", .target = "usr" } };
	struct path_text sources[BINDS], targets[BINDS];
	const struct rootfs_plan plan = {
		.binds = binds,
		.n_binds = BINDS,
		.links = root_links,
		.n_links = sizeof(root_links) / sizeof(root_links[0]),
		.files = etc_files,
		.n_files = sizeof(etc_files) / sizeof(etc_files[0]),
		.dirs = root_dirs,
		.usr_links = true,
		.dev = true,
	};
	size_t n = 1;

	for (size_t i = 0; i < PROGRAMS; i++, n++)
		binds[n] = (struct rootfs_bind){
			.source = join(&sources[n], options->bin, programs[i]),
			.target = join(&targets[n], "clawos/bin", programs[i]),
		};
	for (size_t i = 0; i < ETC_NAMES; i++, n++)
		binds[n] = (struct rootfs_bind){
			.source = join(&sources[n], "/etc", etc_names[i]),
			.target = join(&targets[n], "etc", etc_names[i]),
			.flags = ROOTFS_OPTIONAL | ROOTFS_NOEXEC,
		};
	for (size_t i = 0; i < BINDS; i++)
		if (!binds[i].source || !binds[i].target)
			return FAIL(err, -ENAMETOOLONG, "a path below %s is too long",
				    options->bin);
	return rootfs_build(&plan, at, err);
}

/* A tmpfs of our own at mount_point, with a folder for the root and one for workspaces. */
static int mount_ground(const char *mount_point, struct error *err)
{
	auto_fd int fd = -1, at_fd = -1;

	if (mkdir(mount_point, FOLDER_MODE) < 0 && errno != EEXIST)
		return FAIL(err, -errno, "mount point %s: %m", mount_point);
	at_fd = dir_open_configured(mount_point, O_PATH | O_DIRECTORY, 0);
	if (at_fd < 0)
		return FAIL(err, at_fd, "mount point %s: %s", mount_point, strerror(-at_fd));
	fd = rootfs_new_tmpfs(GROUND_KIB, FOLDER_MODE, err);
	if (fd < 0)
		return fd;
	if (mkdirat(fd, "root", FOLDER_MODE) < 0 || mkdirat(fd, "workspaces", FOLDER_MODE) < 0)
		return FAIL(err, -errno, "%s: %m", mount_point);
	return rootfs_attach(fd, at_fd, ".", err) < 0 ? err->code : take_fd(&fd);
}

static int make_filters(struct cage_ground *ground, struct error *err)
{
	int r = 0;

	for (int profile = 1; profile < LAUNCH_PROFILE_END && r == 0; profile++)
		r = seccomp_filter_make(cage_profiles[profile].name, &ground->filters[profile],
					err);
	return r < 0 ? r : seccomp_filter_make_nameless(&ground->nameless, err);
}

int cage_ground_open(const struct cage_ground_options *options, struct cage_ground *ret,
		     struct error *err)
{
	struct cage_ground ground = { .root_fd = -1,
				      .mounts_fd = -1,
				      .cgroups = { .folder_fds = { -1, -1 } } };
	auto_fd int ground_fd = -1;
	int n, r;

	n = snprintf(ground.root, sizeof(ground.root), "%s/root", options->mount_point);
	if (n < 0 || (size_t)n >= sizeof(ground.root))
		return FAIL(err, -ENAMETOOLONG, "mount point %s is too long", options->mount_point);
	r = rootfs_separate(err);
	if (r < 0)
		return r;
	ground_fd = mount_ground(options->mount_point, err);
	if (ground_fd < 0)
		return ground_fd;
	ground.root_fd = build_root(options, ground.root, err);
	if (ground.root_fd < 0)
		return ground.root_fd;
	ground.mounts_fd = dir_open(ground_fd, "workspaces", O_PATH | O_DIRECTORY, 0);
	r = ground.mounts_fd < 0 ? FAIL(err, ground.mounts_fd, "folder of the workspaces") : 0;
	if (r == 0)
		r = make_filters(&ground, err);
	if (r < 0) {
		cage_ground_fini(&ground);
		return r;
	}
	cage_cgroups_open(options->cgroups, &ground.cgroups);
	*ret = ground;
	return 0;
}

void cage_ground_fini(struct cage_ground *ground)
{
	for (int profile = 1; profile < LAUNCH_PROFILE_END; profile++)
		seccomp_filter_free(ground->filters[profile]);
	seccomp_filter_free(ground->nameless);
	cage_cgroups_fini(&ground->cgroups);
	close_fd(&ground->root_fd);
	close_fd(&ground->mounts_fd);
}

static uint64_t nanoseconds(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * CLOCK_SECOND_US * 1000 + (uint64_t)time->tv_nsec;
}

int cage_ground_look(const struct cage_ground *ground, struct cage_ground_stamp *ret,
		     struct error *err)
{
	static const char *const names[CAGE_GROUND_MARKS] = { "usr", "usr/bin", "usr/lib",
							      "clawos/bin/claw-toolwork",
							      "clawos/bin/claw-cageprobe" };
	struct cage_ground_stamp stamp;

	for (size_t i = 0; i < CAGE_GROUND_MARKS; i++) {
		struct stat st;

		if (fstatat(ground->root_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (S_ISDIR(st.st_mode) && st.st_nlink == 0))
			return FAIL(err, -ESTALE,
				    "the base is gone (removed or made anew under the running "
				    "system): ./clawos stop, then start again");
		stamp.marks[i] =
			(struct cage_ground_mark){ st.st_dev, st.st_ino, (uint64_t)st.st_size,
						   nanoseconds(&st.st_mtim),
						   nanoseconds(&st.st_ctim) };
	}
	*ret = stamp;
	return 0;
}

bool cage_ground_is_same(const struct cage_ground_stamp *a, const struct cage_ground_stamp *b)
{
	return memcmp(a, b, sizeof(*a)) == 0; /* no padding: numbers of one width */
}
