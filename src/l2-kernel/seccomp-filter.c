/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/seccomp-filter.h"

#include "l2-kernel/syscall-table.h"

#include <linux/fiemap.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>

enum { PROGRAM_MAX_BYTES = 32 * 1024, TREE_OPTIMIZE = 2 };
enum program { PROGRAM_LIST, PROGRAM_VETO, PROGRAM_NAMES, PROGRAM_COUNT };
enum { SOCKET_TYPE_BITS = 0xf };

struct seccomp_filter {
	struct sock_fprog programs[PROGRAM_COUNT]; /* those that are not part of it are empty */
};

/* The kernel reads these arguments as 32 bits, so only these are compared: high bits cannot hide
 * one. */
#define LOW32 UINT64_C(0xffffffff)

#define PRCTL_OF_EVERYBODY \
	PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_DUMPABLE, \
		PR_GET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, \
		PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_READ, PR_GET_SECCOMP, \
		PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, PR_GET_KEEPCAPS, PR_GET_SECUREBITS, \
		PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_SET_VMA, PR_GET_AUXV

static const uint32_t prctl_options[] = { PRCTL_OF_EVERYBODY };
/* What can only be given up with these: the bounding set, ambient capabilities, securebits. */
static const uint32_t prctl_rights_options[] = { PRCTL_OF_EVERYBODY, PR_CAPBSET_DROP,
						 PR_CAP_AMBIENT, PR_SET_SECUREBITS };

static const uint32_t ioctl_requests[] = {
	TCGETS,
	TCSETS,
	TCSETSW,
	TCSETSF,
	TIOCGWINSZ,
	TIOCGPGRP,
	TIOCSPGRP,
	FIONREAD,
	FIONBIO,
	FIOASYNC,
	FIOCLEX,
	FIONCLEX,
	FICLONE,
	FICLONERANGE,
	FIDEDUPERANGE,
	FS_IOC_GETFLAGS,
	FS_IOC_GETVERSION,
	FS_IOC_FIEMAP,
	FS_IOC_FSGETXATTR,
	FIGETBSZ,
};

static const uint32_t personalities[] = { 0, UINT32_MAX };
static const uint32_t network_families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

struct argument_rule {
	unsigned argument;
	const uint32_t *values; /* allowed when the argument is one of them */
	size_t n_values;
};
#define ONE_OF(argument_, array) { (argument_), (array), sizeof(array) / sizeof((array)[0]) }

static const struct argument_rule argument_rules[] = {
	[SYSCALL_PRCTL] = ONE_OF(0, prctl_options),
	[SYSCALL_PRCTL_RIGHTS] = ONE_OF(0, prctl_rights_options),
	[SYSCALL_IOCTL] = ONE_OF(1, ioctl_requests),
	[SYSCALL_PERSONALITY] = ONE_OF(0, personalities),
	[SYSCALL_SOCKET_NETWORK] = ONE_OF(0, network_families),
};

/* Calls that could make a file with set-id bits: which argument is the mode, which the flags. */
static const struct {
	const char *call;
	int mode_argument, flags_argument;
} mode_calls[] = {
	{ "chmod", 1, -1 },     { "fchmod", 1, -1 }, { "fchmodat", 2, -1 },
	{ "fchmodat2", 2, -1 }, { "creat", 1, -1 },  { "mknod", 1, -1 },
	{ "mknodat", 2, -1 },   { "open", 2, 1 },    { "openat", 3, 2 },
};
static const uint64_t set_id_bits[] = { S_ISUID, S_ISGID };
static const uint64_t create_flags[] = { O_CREAT, __O_TMPFILE };
static const uint64_t namespace_flags[] = {
	CLONE_NEWNS,  CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET,
	CLONE_NEWIPC, CLONE_NEWUTS,  CLONE_NEWCGROUP,
};

static struct scmp_arg_cmp has_bits(int argument, uint64_t bits)
{
	return SCMP_CMP64((unsigned)argument, SCMP_CMP_MASKED_EQ, bits, bits);
}

static struct scmp_arg_cmp is_low(unsigned argument, uint32_t value)
{
	return SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, LOW32, value);
}

/* The call's number; negative when this architecture lacks it, 0 in *ret_known for a wrong name. */
static int resolve(const char *name, int *ret_known)
{
	int number = seccomp_syscall_resolve_name(name);

	*ret_known = number != __NR_SCMP_ERROR;
	return number;
}

static int allow_one_of(scmp_filter_ctx ctx, int call, const struct argument_rule *rule)
{
	int r = 0;

	for (size_t i = 0; i < rule->n_values && r == 0; i++) {
		struct scmp_arg_cmp low = is_low(rule->argument, rule->values[i]);

		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &low);
	}
	return r;
}

static int add_row(scmp_filter_ctx ctx, int call, enum syscall_rule rule)
{
	struct scmp_arg_cmp thread = has_bits(0, CLONE_THREAD);

	switch (rule) {
	case SYSCALL_NONE:
		return 0;
	case SYSCALL_DENY:
		return seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM), call, 0, NULL);
	case SYSCALL_ALLOW:
	case SYSCALL_OPEN:
	case SYSCALL_MODE:
	case SYSCALL_CLONE:
	case SYSCALL_SOCKET_LOCAL: /* the veto looks at the arguments */
		return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 0, NULL);
	case SYSCALL_THREAD:
		return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &thread);
	case SYSCALL_PRCTL:
	case SYSCALL_PRCTL_RIGHTS:
	case SYSCALL_IOCTL:
	case SYSCALL_PERSONALITY:
	case SYSCALL_SOCKET_NETWORK:
		return allow_one_of(ctx, call, &argument_rules[rule]);
	}
	return -EINVAL;
}

static int fill_list(scmp_filter_ctx ctx, size_t column, struct error *err)
{
	for (size_t i = 0; i < syscall_table_count; i++) {
		const struct syscall_row *row = &syscall_table[i];
		int known, call = resolve(row->name, &known), r;

		if (!known)
			return FAIL(err, -EINVAL, "seccomp: no call is named %s", row->name);
		if (call < 0)
			continue;
		r = add_row(ctx, call, row->rules[column]);
		if (r < 0)
			return FAIL(err, r, "seccomp: %s: %s", row->name, strerror(-r));
	}
	return 0;
}

static int veto(scmp_filter_ctx ctx, int call, unsigned n, const struct scmp_arg_cmp *conditions)
{
	return seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM), call, n, conditions);
}

static int veto_mode(scmp_filter_ctx ctx, size_t i)
{
	int known, call = resolve(mode_calls[i].call, &known), r = known ? 0 : -EINVAL;

	if (call < 0)
		return r;
	for (size_t bit = 0; bit < 2 && r == 0; bit++) {
		struct scmp_arg_cmp both[2] = { has_bits(mode_calls[i].mode_argument,
							 set_id_bits[bit]) };

		if (mode_calls[i].flags_argument < 0) {
			r = veto(ctx, call, 1, both);
			continue;
		}
		for (size_t flag = 0; flag < 2 && r == 0; flag++) {
			both[1] = has_bits(mode_calls[i].flags_argument, create_flags[flag]);
			r = veto(ctx, call, 2, both);
		}
	}
	return r;
}

/* Every family but the local one; with the word programs know, so that they try another. */
static int veto_families(scmp_filter_ctx ctx, size_t column)
{
	const struct scmp_arg_cmp other = { .arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX };

	for (size_t i = 0; i < syscall_table_count; i++)
		if (syscall_table[i].rules[column] == SYSCALL_SOCKET_LOCAL)
			return seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT),
						      SCMP_SYS(socket), 1, &other);
	return 0;
}

static int fill_veto(scmp_filter_ctx ctx, size_t column, struct error *err)
{
	int r = veto_families(ctx, column);

	for (size_t i = 0; i < sizeof(mode_calls) / sizeof(mode_calls[0]) && r == 0; i++)
		r = veto_mode(ctx, i);
	for (size_t i = 0; i < sizeof(namespace_flags) / sizeof(namespace_flags[0]) && r == 0;
	     i++) {
		struct scmp_arg_cmp flag = has_bits(0, namespace_flags[i]);

		r = veto(ctx, SCMP_SYS(clone), 1, &flag);
	}
	return r < 0 ? FAIL(err, r, "seccomp: veto: %s", strerror(-r)) : 0;
}

/* A datagram can be sent to a name without connect(), also from a pair; RAW is another word for it.
 */
static int fill_names(scmp_filter_ctx ctx, size_t column, struct error *err)
{
	static const int makers[] = { SCMP_SYS(socket), SCMP_SYS(socketpair) };
	static const int types[] = { SOCK_DGRAM, SOCK_RAW };
	int r = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(connect), 0, NULL);

	(void)column;
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]) && r == 0; i++)
		for (size_t j = 0; j < sizeof(types) / sizeof(types[0]) && r == 0; j++) {
			const struct scmp_arg_cmp type = SCMP_CMP64(
				1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE_BITS, (unsigned)types[j]);

			r = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EACCES), makers[i], 1,
						   &type);
		}
	return r < 0 ? FAIL(err, r, "seccomp: names: %s", strerror(-r)) : 0;
}

static int compile(scmp_filter_ctx ctx, struct sock_fprog *ret, struct error *err)
{
	auto_free struct sock_filter *filter = malloc(PROGRAM_MAX_BYTES);
	size_t size = PROGRAM_MAX_BYTES;
	int r;

	if (!filter)
		return FAIL(err, -ENOMEM, "out of memory");
	r = seccomp_export_bpf_mem(ctx, filter, &size);
	if (r < 0)
		return FAIL(err, r, "seccomp: program: %s", strerror(-r));
	ret->len = (unsigned short)(size / sizeof(struct sock_filter));
	ret->filter = TAKE_PTR(filter);
	return 0;
}

static int (*const fill[PROGRAM_COUNT])(scmp_filter_ctx ctx, size_t column, struct error *err) = {
	[PROGRAM_LIST] = fill_list,
	[PROGRAM_VETO] = fill_veto,
	[PROGRAM_NAMES] = fill_names,
};

static int make_program(enum program program, size_t column, struct sock_fprog *ret,
			struct error *err)
{
	uint32_t otherwise = program == PROGRAM_LIST ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW;
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	int r;

	if (!ctx)
		return FAIL(err, -ENOMEM, "seccomp: no context");
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, TREE_OPTIMIZE);
	if (r < 0)
		(void)FAIL(err, r, "seccomp: attributes: %s", strerror(-r));
	if (r == 0)
		r = fill[program](ctx, column, err);
	if (r == 0)
		r = compile(ctx, ret, err);
	seccomp_release(ctx);
	return r;
}

int seccomp_filter_make(const char *profile, struct seccomp_filter **ret, struct error *err)
{
	CLEANUP(seccomp_filter_free_ptr) struct seccomp_filter *filter = NULL;
	size_t column = 0;
	int r = 0;

	while (syscall_profiles[column] && strcmp(syscall_profiles[column], profile) != 0)
		column++;
	if (!syscall_profiles[column])
		return FAIL(err, -ENOENT, "seccomp: no profile is named %s", profile);
	filter = calloc(1, sizeof(*filter));
	if (!filter)
		return FAIL(err, -ENOMEM, "out of memory");
	for (int i = 0; i < PROGRAM_NAMES && r == 0; i++)
		r = make_program((enum program)i, column, &filter->programs[i], err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(filter);
	return 0;
}

int seccomp_filter_make_nameless(struct seccomp_filter **ret, struct error *err)
{
	CLEANUP(seccomp_filter_free_ptr)
	struct seccomp_filter *filter = calloc(1, sizeof(*filter));
	int r;

	if (!filter)
		return FAIL(err, -ENOMEM, "out of memory");
	r = make_program(PROGRAM_NAMES, 0, &filter->programs[PROGRAM_NAMES], err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(filter);
	return 0;
}

void seccomp_filter_free(struct seccomp_filter *filter)
{
	for (int i = 0; filter && i < PROGRAM_COUNT; i++)
		free(filter->programs[i].filter);
	free(filter);
}

int seccomp_filter_load(const struct seccomp_filter *filter, struct error *err)
{
	/* the veto first: the list does not hold seccomp(2) itself */
	for (int i = PROGRAM_COUNT - 1; i >= 0; i--)
		if (filter->programs[i].len > 0 &&
		    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter->programs[i]) < 0)
			return FAIL(err, -errno, "seccomp: %m");
	return 0;
}

size_t seccomp_filter_length(const struct seccomp_filter *filter)
{
	size_t length = 0;

	for (int i = 0; i < PROGRAM_COUNT; i++)
		length += filter->programs[i].len;
	return length;
}
