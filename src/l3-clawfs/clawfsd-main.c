/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* clawfsd - the agent's memory: options, limits, store, seeds, loop. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon-options.h"
#include "base/log.h"
#include "base/service.h"
#include "l3-clawfs/fs-service.h"
#include "l3-clawfs/quotas.h"
#include "l3-clawfs/seeds.h"
#include "l3-clawfs/store.h"

#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

enum { PRIVATE_UMASK = 077, MMAP_BYTES = 128 * 1024 };

DEFINE_CLEANUP(struct store *, store_close)
DEFINE_CLEANUP(struct service *, service_close)
DEFINE_CLEANUP(struct fs_service *, fs_service_close)

static int serve(const struct daemon_options *options, struct error *err)
{
	CLEANUP(service_close_ptr) struct service *service = NULL;
	CLEANUP(store_close_ptr) struct store *store = NULL;
	CLEANUP(fs_service_close_ptr) struct fs_service *fs = NULL;
	struct quotas quotas;
	int r = daemon_config_load(&quotas_table, options->conf, &quotas, err);

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
								  .owner = options->owner,
								  .agent = options->agent },
				    &fs, err);
	return r < 0 ? r : service_run(service, err);
}

int main(int argc __attribute__((unused)), char **argv)
{
	struct daemon_options options = DAEMON_OPTIONS_DEFAULT;
	struct error err = { 0 };
	int r = daemon_options_parse(argv, NULL, 0, &options, &err);

	(void)umask(PRIVATE_UMASK);
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES); /* a large document is given back at once */
	if (r >= 0)
		r = serve(&options, &err);
	if (r < 0)
		log_error("clawfsd: %s", err.text);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
