/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* clawfsd - the agent's memory: options, limits, store, seeds, loop. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/number.h"
#include "base/service.h"
#include "l3-clawfs/fs-service.h"
#include "l3-clawfs/quotas.h"
#include "l3-clawfs/seeds.h"
#include "l3-clawfs/store.h"

#include <getopt.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

enum { CONF_BYTES = 256 * 1024, PRIVATE_UMASK = 077, AGENT_UID = 64801, MMAP_BYTES = 128 * 1024 };

struct options {
	const char *conf, *state, *share;
	uint64_t owner, agent;
};

DEFINE_CLEANUP(struct store *, store_close)
DEFINE_CLEANUP(struct service *, service_close)
DEFINE_CLEANUP(struct fs_service *, fs_service_close)

static int parse_options(int argc, char **argv, struct options *ret, struct error *err)
{
	static const struct option names[] = {
		{ "conf", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "share", required_argument, NULL, 'd' },
		{ "run", required_argument, NULL, 'r' },
		{ "owner", required_argument, NULL, 'o' },
		{ "agent", required_argument, NULL, 'a' },
		{ 0 },
	};
	int c, r = 0;

	while (r >= 0 && (c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'c')
			ret->conf = optarg;
		else if (c == 's')
			ret->state = optarg;
		else if (c == 'd')
			ret->share = optarg;
		else if (c == 'o')
			r = number_parse_u64(optarg, 0, UINT32_MAX - 1, &ret->owner);
		else if (c == 'a')
			r = number_parse_u64(optarg, 0, UINT32_MAX - 1, &ret->agent);
		else if (c != 'r') /* --run is every daemon's; this one reaches nobody */
			return FAIL(err, -EINVAL, "an unknown option");
	}
	if (r < 0)
		return FAIL(err, r, "\"%s\" is no uid", optarg);
	if (optind < argc)
		return FAIL(err, -EINVAL, "\"%s\" is no option", argv[optind]);
	if (ret->owner == ret->agent)
		return FAIL(err, -EINVAL, "the person and the agent need different uids");
	return 0;
}

static int load_limits(const char *conf, struct quotas *ret, struct error *err)
{
	auto_buf struct buf text = BUF(CONF_BYTES);
	auto_fd int fd = dir_open_configured(conf, O_RDONLY, 0);
	int r = fd == -ENOENT ? 0 : fd < 0 ? fd : dir_read_fd(fd, &text);

	if (r < 0)
		return FAIL(err, r, "%s: %s", conf, strerror(-r));
	return config_load(&quotas_table, conf, buf_string(&text), ret, err);
}

static int serve(const struct options *options, struct error *err)
{
	CLEANUP(service_close_ptr) struct service *service = NULL;
	CLEANUP(store_close_ptr) struct store *store = NULL;
	CLEANUP(fs_service_close_ptr) struct fs_service *fs = NULL;
	struct quotas quotas;
	int r = load_limits(options->conf, &quotas, err);

	if (r >= 0)
		r = service_open(&service, err);
	if (r >= 0)
		r = store_open(options->state, &quotas, &store, err);
	if (r >= 0)
		r = seeds_plant(store, options->share, (int64_t)options->owner, clock_realtime_us(),
				err);
	if (r >= 0)
		r = fs_service_open(&(struct fs_service_options){ .service = service,
								  .store = store,
								  .owner = (uid_t)options->owner,
								  .agent = (uid_t)options->agent },
				    &fs, err);
	return r < 0 ? r : service_run(service, err);
}

int main(int argc, char **argv)
{
	struct options options = {
		.conf = "/clawos/conf",
		.state = "/clawos/state",
		.share = "/clawos/share",
		.owner = 0,
		.agent = AGENT_UID,
	};
	struct error err = { 0 };
	int r = parse_options(argc, argv, &options, &err);

	(void)umask(PRIVATE_UMASK);
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES); /* a large document is given back at once */
	if (r >= 0)
		r = serve(&options, &err);
	if (r < 0)
		log_error("clawfsd: %s", err.text);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
