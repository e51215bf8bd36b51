/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* claw-egressd - the only process with a way to the network, and the provider's key (L6). */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/number.h"
#include "l6-agent/egress-config.h"
#include "l6-agent/egress.h"

#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

enum { CONF_BYTES_MAX = 64 * 1024 };

struct options {
	const char *conf, *state;
	uint64_t owner, agent;
};

static int parse_options(int argc, char **argv, struct options *ret, struct error *err)
{
	static const struct option options[] = {
		{ "conf", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "owner", required_argument, NULL, 'o' },
		{ "agent", required_argument, NULL, 'a' },
		{ "run", required_argument, NULL, 'i' },
		{ "share", required_argument, NULL, 'i' },
		{ 0 },
	};
	int c, r = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0 && r >= 0) {
		if (c == 'c')
			ret->conf = optarg;
		else if (c == 's')
			ret->state = optarg;
		else if (c == 'o')
			r = number_parse_u64(optarg, 0, UINT32_MAX - 1, &ret->owner);
		else if (c == 'a')
			r = number_parse_u64(optarg, 0, UINT32_MAX - 1, &ret->agent);
		else if (c != 'i') /* it reaches no socket and reads no table */
			r = -EINVAL;
	}
	if (r < 0 || optind != argc)
		return FAIL(err, -EINVAL,
			    "usage: claw-egressd [--conf FILE] [--state DIR] [--owner UID] "
			    "[--agent UID]");
	return 0;
}

static int load_settings(const char *path, struct egress_settings *ret, struct error *err)
{
	auto_fd int fd = dir_open_configured(path, O_RDONLY, 0);
	auto_buf struct buf text = BUF(CONF_BYTES_MAX);
	int r = fd < 0 ? fd : dir_read_fd(fd, &text);

	if (r < 0)
		return FAIL(err, r, "%s: %s", path, strerror(-r));
	return config_load(&egress_config_table, path, buf_string(&text), ret, err);
}

int main(int argc, char **argv)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct options options = { "/clawos/conf", "/clawos/state", 0, 64801 };
	struct egress_settings settings = { 0 };
	struct egress egress = { .settings = &settings };
	struct error err = { 0 };
	int r = parse_options(argc, argv, &options, &err);

	(void)sigaction(SIGPIPE, &ignore, NULL);     /* a reader that went away is an errno */
	if (r >= 0 && prctl(PR_SET_DUMPABLE, 0) < 0) /* nobody traces it, nothing is dumped */
		r = FAIL(&err, -errno, "cannot be made undumpable: %s", strerror(errno));
	if (r >= 0)
		r = load_settings(options.conf, &settings, &err);
	egress.owner = (uid_t)options.owner;
	egress.agent = (uid_t)options.agent;
	if (r >= 0)
		r = service_open(&egress.service, &err);
	if (r >= 0)
		r = egress_run(&egress, options.state, &err);
	if (r < 0)
		log_error("claw-egressd: %s", err.text[0] ? err.text : strerror(-r));
	service_close(egress.service);
	config_free(&egress_config_table, &settings);
	return r < 0 ? 1 : r;
}
