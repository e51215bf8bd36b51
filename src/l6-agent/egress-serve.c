/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-serve - the methods of io.clawos.Egress and who may call which (L6). */
#include "base/clock.h"
#include "l6-agent/egress-limits.h"
#include "l6-agent/egress.h"

#include "io.clawos.Egress.varlink.h"

#include <string.h>

#define MISSING(x) ((x) ? (x) : "")

bool egress_allows(sd_varlink *link, uid_t uid, const char *who)
{
	char reason[80];

	if (service_peer_is(link, &uid, 1))
		return true;
	(void)snprintf(reason, sizeof(reason), "only %s may do this", who);
	(void)sd_varlink_errorbo(link, "io.clawos.Egress.Denied",
				 SD_JSON_BUILD_PAIR_STRING("reason", reason));
	return false;
}

int egress_invalid(sd_varlink *link, const char *reason)
{
	(void)sd_varlink_errorbo(link, "io.clawos.Egress.InvalidArguments",
				 SD_JSON_BUILD_PAIR_STRING("reason", reason));
	return 0;
}

static int list_recent(const struct egress_log *log, sd_json_variant **list)
{
	const struct egress_entry *entry;
	int r = sd_json_variant_new_array(list, NULL, 0);

	for (size_t i = 0; r >= 0 && (entry = egress_log_recent(log, i)); i++)
		r = sd_json_variant_append_arraybo(
			list, SD_JSON_BUILD_PAIR_UNSIGNED("timeUsec", entry->time_us),
			SD_JSON_BUILD_PAIR_INTEGER("intent", entry->intent),
			SD_JSON_BUILD_PAIR_STRING("kind", entry->kind),
			SD_JSON_BUILD_PAIR_STRING("method", entry->method),
			SD_JSON_BUILD_PAIR_STRING("host", entry->host),
			SD_JSON_BUILD_PAIR_INTEGER("status", entry->status),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytesOut", entry->bytes_out),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytesIn", entry->bytes_in),
			SD_JSON_BUILD_PAIR_UNSIGNED("rule", entry->rule),
			SD_JSON_BUILD_PAIR_INTEGER("attempts", entry->attempts),
			SD_JSON_BUILD_PAIR_UNSIGNED("secrets", entry->secrets),
			SD_JSON_BUILD_PAIR_UNSIGNED("totalUsec", entry->total_us),
			SD_JSON_BUILD_PAIR_STRING("result", entry->result));
	return r;
}

/* In the order in which they are asked. */
static int list_providers(const struct egress *egress, sd_json_variant **list)
{
	int r = sd_json_variant_new_array(list, NULL, 0);

	for (unsigned i = 0; r >= 0 && i < egress->chain.n; i++) {
		const struct egress_provider *provider = &egress->providers[i];
		const struct provider_config *config = provider->config;

		r = sd_json_variant_append_arraybo(
			list, SD_JSON_BUILD_PAIR_STRING("name", provider_row(config)->name),
			SD_JSON_BUILD_PAIR_STRING("model", MISSING(provider_model(config))),
			SD_JSON_BUILD_PAIR_STRING("host", MISSING(provider->url.host)),
			SD_JSON_BUILD_PAIR_BOOLEAN("hasKey", provider->secret != NULL),
			SD_JSON_BUILD_PAIR_STRING(
				"state",
				egress_breaker_state(&provider->breaker, clock_monotonic_us(),
						     config->breaker_wait * CLOCK_SECOND_US)),
			SD_JSON_BUILD_PAIR_UNSIGNED("failures", provider->breaker.failures));
	}
	return r;
}

static int on_status(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *list = NULL,
									 *providers = NULL;
	struct egress *egress = userdata;
	const struct provider_config *provider = egress->providers[0].config;
	struct egress_totals totals = egress_log_totals(egress->log);
	int r = list_recent(egress->log, &list);

	if (r >= 0)
		r = list_providers(egress, &providers);

	(void)flags;
	(void)parameters;
	if (r < 0)
		return r;
	return sd_varlink_replybo(
		link,
		SD_JSON_BUILD_PAIR_OBJECT(
			"status",
			SD_JSON_BUILD_PAIR_OBJECT(
				"provider",
				SD_JSON_BUILD_PAIR_STRING("name", provider_row(provider)->name),
				SD_JSON_BUILD_PAIR_STRING("host",
							  MISSING(egress->providers[0].url.host)),
				SD_JSON_BUILD_PAIR_STRING("model",
							  MISSING(provider_model(provider))),
				SD_JSON_BUILD_PAIR_BOOLEAN("hasKey",
							   egress->providers[0].secret != NULL)),
			SD_JSON_BUILD_PAIR_VARIANT("providers", providers),
			SD_JSON_BUILD_PAIR_UNSIGNED("requests", totals.requests),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytesOut", totals.bytes_out),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytesIn", totals.bytes_in),
			SD_JSON_BUILD_PAIR_UNSIGNED("lostLogLines", totals.lost_lines),
			SD_JSON_BUILD_PAIR_UNSIGNED("underWay",
						    egress->n_completes + egress->n_fetches),
			SD_JSON_BUILD_PAIR_VARIANT("calls", list)));
}

/* Its calls end with the connection: within this turn of the loop. */
static void on_disconnect(sd_varlink_server *server, sd_varlink *link, void *userdata)
{
	struct egress *egress = sd_varlink_get_userdata(link);

	(void)server;
	(void)userdata; /* the server's own */
	for (struct egress_call *call = egress ? egress->calls : NULL, *next; call; call = next) {
		next = call->next;
		if (call->link == link)
			egress_call_end(call, "cancelled");
	}
}

int egress_serve(struct egress *egress, sd_varlink_server **ret, struct error *err)
{
	const uid_t uids[] = { egress->agent, egress->owner };
	const struct service_peers peers = {
		.uids = uids,
		.n_uids = sizeof(uids) / sizeof(uids[0]),
		.connections_max = EGRESS_CONNECTIONS_MAX,
		.connections_per_uid_max = EGRESS_CONNECTIONS_MAX - EGRESS_CONNECTIONS_KEPT,
		.message_bytes_max = SERVICE_MESSAGE_BYTES_MAX,
	};
	sd_varlink_server *server = NULL;
	int r = service_serve(egress->service, "egress", &vl_interface_io_clawos_Egress, &peers,
			      egress, &server, err);

	if (r < 0)
		return r;
	r = sd_varlink_server_bind_method_many(
		server, "io.clawos.Egress.Complete", egress_on_complete, "io.clawos.Egress.Fetch",
		egress_on_fetch, "io.clawos.Egress.Judge", egress_on_judge,
		"io.clawos.Egress.Answer", egress_on_answer, "io.clawos.Egress.Questions",
		egress_on_questions, "io.clawos.Egress.Rules", egress_on_rules,
		"io.clawos.Egress.AddRule", egress_on_add_rule, "io.clawos.Egress.Revoke",
		egress_on_revoke, "io.clawos.Egress.Status", on_status, "io.clawos.Egress.Spending",
		egress_on_spending);
	if (r >= 0)
		r = sd_varlink_server_bind_disconnect(server, on_disconnect);
	if (r < 0) {
		(void)sd_varlink_server_unref(server);
		return FAIL(err, r, "methods of io.clawos.Egress: %s", strerror(-r));
	}
	*ret = server;
	return 0;
}

void egress_end_all(struct egress *egress)
{
	while (egress->calls)
		egress_call_end(egress->calls, "stopped");
}
