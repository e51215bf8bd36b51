/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* claw-egressd - the only process with a way to the network, and the provider's key (L6). */
#include "base/daemon-options.h"
#include "base/log.h"
#include "l6-agent/egress-config.h"
#include "l6-agent/egress.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

int main(int argc __attribute__((unused)), char **argv)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct daemon_options options = DAEMON_OPTIONS_DEFAULT;
	struct egress_settings settings = { 0 };
	struct egress egress = { .settings = &settings };
	struct error err = { 0 };
	int r = daemon_options_parse(argv, NULL, 0, &options, &err);

	(void)sigaction(SIGPIPE, &ignore, NULL);     /* a reader that went away is an errno */
	if (r >= 0 && prctl(PR_SET_DUMPABLE, 0) < 0) /* nobody traces it, nothing is dumped */
		r = FAIL(&err, -errno, "cannot be made undumpable: %s", strerror(errno));
	if (r >= 0)
		r = daemon_config_load(&egress_config_table, options.conf, &settings, &err);
	egress.owner = options.owner;
	egress.agent = options.agent;
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
