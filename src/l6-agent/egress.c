/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/secret.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { FD_NAME_BYTES = 64 };

/*
 * The first provider's: the inherited descriptor, else key_file, else no key: some servers need
 * none. Those behind it have descriptors of their own, "provider-key-NAME".
 */
static int read_key(struct service *service, const struct provider_config *config, bool is_first,
		    struct secret **ret, struct error *err)
{
	char name[FD_NAME_BYTES] = "provider-key";
	const char *path = config->key_file;
	auto_fd int fd = -1;

	if (!is_first)
		(void)snprintf(name, sizeof(name), "provider-key-%s",
			       provider_row(config)->name); /* names are short */
	fd = service_take_fd(service, name);
	if (fd < 0 && path) {
		fd = dir_open_configured(path, O_RDONLY, 0);
		if (fd < 0)
			return FAIL(err, fd, "key_file %s: %s", path, strerror(-fd));
	}
	return fd < 0 ? 0 : secret_read(fd, provider_key_prefix(config), ret, err);
}

static int open_providers(struct egress *egress, struct error *err)
{
	int r = provider_chain_open(&egress->settings->provider, &egress->chain, err);

	for (unsigned i = 0; r >= 0 && i < egress->chain.n; i++) {
		struct secret *secret = NULL;

		r = read_key(egress->service, &egress->chain.list[i], i == 0, &secret, err);
		if (r >= 0)
			r = egress_provider_init(egress, i, secret, err);
	}
	return r;
}

/* Said at the start, not with the first call. */
static int check_ca_file(const char *path, struct error *err)
{
	auto_fd int fd = path ? dir_open_configured(path, O_RDONLY, 0) : -1;

	return path && fd < 0 ? FAIL(err, fd, "[egress] ca_file %s: %s", path, strerror(-fd)) : 0;
}

static int open_questions(struct egress *egress, int folder_fd, struct error *err)
{
	const struct egress_limits *limits = &egress->settings->limits;
	bool is_lost = false;
	int r = egress_questions_open(folder_fd, limits->questions, limits->question_seconds,
				      &egress->questions, &is_lost);

	if (is_lost)
		log_warning("the file of questions is damaged: what waited is asked again");
	return r < 0 ? FAIL(err, r, "the questions cannot be read: %s", strerror(-r)) : 0;
}

int egress_run(struct egress *egress, const char *state, struct error *err)
{
	auto_fd int folder_fd = dir_open_configured(state, O_RDONLY | O_DIRECTORY, 0);
	const struct egress_limits *limits = &egress->settings->limits;
	sd_varlink_server *server = NULL;
	int r = folder_fd < 0
			? FAIL(err, folder_fd, "state folder %s: %s", state, strerror(-folder_fd))
			: open_providers(egress, err);

	if (r >= 0)
		r = check_ca_file(egress->settings->ca_file, err);
	if (r >= 0)
		r = egress_rules_open(folder_fd, egress->settings->allow, limits->rules,
				      &egress->rules, err);
	if (r >= 0)
		r = egress_log_open(folder_fd, limits->log_bytes, &egress->log, err);
	if (r >= 0)
		r = egress_ledger_open(folder_fd, &egress->ledger, err);
	if (r >= 0)
		r = open_questions(egress, folder_fd, err);
	if (r >= 0)
		r = http_new(service_event(egress->service), &egress->http, err);
	if (r >= 0)
		r = egress_serve(egress, &server, err);
	if (r >= 0)
		r = service_run(egress->service, err);
	egress_end_all(egress);
	(void)sd_varlink_server_unref(server);
	http_free(egress->http);
	egress_provider_fini(egress);
	egress_questions_free(egress->questions);
	egress_ledger_close(egress->ledger);
	egress_log_close(egress->log);
	egress_rules_close(egress->rules);
	return r;
}
