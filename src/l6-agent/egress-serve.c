/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-serve - the methods of io.clawos.Egress and who may call which (L6). */
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

struct answer_arguments {
	uint64_t question;
	bool allow;
	const char *action, *scope;
};

static int on_answer(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "question", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct answer_arguments, question), SD_JSON_MANDATORY },
		{ "allow", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool,
		  offsetof(struct answer_arguments, allow), SD_JSON_MANDATORY },
		{ "action", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct answer_arguments, action), SD_JSON_MANDATORY },
		{ "scope", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct answer_arguments, scope), SD_JSON_MANDATORY },
		{ 0 },
	};
	struct egress *egress = userdata;
	struct answer_arguments arguments = { 0 };
	struct egress_question *question;
	struct error err = { 0 };

	(void)flags;
	if (!egress_allows(link, egress->owner, "the person"))
		return 0;
	if (sd_varlink_dispatch(link, parameters, fields, &arguments) != 0)
		return 0; /* answered already */
	if (strcmp(arguments.scope, "once") != 0 && strcmp(arguments.scope, "always") != 0)
		return egress_invalid(link, "scope is once or always");
	question = egress_questions_find(egress->questions, arguments.question);
	if (!question)
		return sd_varlink_errorbo(
			link, "io.clawos.Egress.UnknownQuestion",
			SD_JSON_BUILD_PAIR_UNSIGNED("question", arguments.question));
	if (strcmp(arguments.action, question->action) != 0)
		return sd_varlink_errorbo(
			link, "io.clawos.Egress.Denied",
			SD_JSON_BUILD_PAIR_STRING("reason",
						  "the question is not about what was shown"));
	if (arguments.allow && strcmp(arguments.scope, "always") == 0 &&
	    egress_rules_add(egress->rules, &question->url, &err) < 0)
		return sd_varlink_error_errno(link, err.code);
	question->word = arguments.allow ? EGRESS_WORD_YES : EGRESS_WORD_NO;
	return sd_varlink_reply(link, NULL);
}

static int on_questions(sd_varlink *link, sd_json_variant *parameters,
			sd_varlink_method_flags_t flags, void *userdata)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *list = NULL;
	struct egress *egress = userdata;
	const struct egress_question *question;
	int r = sd_json_variant_new_array(&list, NULL, 0);

	(void)flags;
	(void)parameters;
	if (!egress_allows(link, egress->owner, "the person"))
		return 0;
	for (size_t i = 0; r >= 0 && (question = egress_questions_waiting(egress->questions, i));
	     i++)
		r = sd_json_variant_append_arraybo(
			&list, SD_JSON_BUILD_PAIR_UNSIGNED("question", question->id),
			SD_JSON_BUILD_PAIR_STRING("host", question->url.host),
			SD_JSON_BUILD_PAIR_INTEGER("port", question->url.port),
			SD_JSON_BUILD_PAIR_STRING("method", question->method),
			SD_JSON_BUILD_PAIR_STRING("url", question->url.url),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytes", question->length),
			SD_JSON_BUILD_PAIR_STRING("action", question->action),
			SD_JSON_BUILD_PAIR_UNSIGNED("createdUsec", question->created_us));
	if (r < 0)
		return r;
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("questions", list));
}

static int on_rules(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		    void *userdata)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *list = NULL;
	struct egress *egress = userdata;
	int r = sd_json_variant_new_array(&list, NULL, 0);

	(void)flags;
	(void)parameters;
	if (!egress_allows(link, egress->owner, "the person"))
		return 0;
	for (size_t i = 0; r >= 0 && i < egress_rules_count(egress->rules); i++) {
		const struct egress_rule *rule = egress_rules_at(egress->rules, i);

		r = sd_json_variant_append_arraybo(
			&list, SD_JSON_BUILD_PAIR_UNSIGNED("id", rule->id),
			SD_JSON_BUILD_PAIR_STRING("scheme", rule->scheme),
			SD_JSON_BUILD_PAIR_STRING("host", rule->host),
			SD_JSON_BUILD_PAIR_INTEGER("port", rule->port),
			SD_JSON_BUILD_PAIR_STRING("scope", "always"),
			SD_JSON_BUILD_PAIR_STRING(
				"origin", rule->origin == EGRESS_RULE_TABLE ? "table" : "person"),
			SD_JSON_BUILD_PAIR_UNSIGNED("createdUsec", rule->created_us),
			SD_JSON_BUILD_PAIR_UNSIGNED("used", rule->used));
	}
	if (r < 0)
		return r;
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("rules", list));
}

static int on_revoke(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "id", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64, 0,
		  SD_JSON_MANDATORY },
		{ 0 },
	};
	struct egress *egress = userdata;
	struct error err = { 0 };
	uint64_t id = 0;
	int r;

	(void)flags;
	if (!egress_allows(link, egress->owner, "the person"))
		return 0;
	if (sd_varlink_dispatch(link, parameters, fields, &id) != 0)
		return 0; /* answered already */
	r = egress_rules_revoke(egress->rules, id, &err);
	if (r == -ENOENT || r == -EPERM)
		return egress_invalid(link, err.text);
	return r < 0 ? sd_varlink_error_errno(link, r) : sd_varlink_reply(link, NULL);
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

static int on_status(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *list = NULL;
	struct egress *egress = userdata;
	const struct provider_config *provider = &egress->settings->provider;
	struct egress_totals totals = egress_log_totals(egress->log);
	int r = list_recent(egress->log, &list);

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
				SD_JSON_BUILD_PAIR_STRING("host", MISSING(egress->provider.host)),
				SD_JSON_BUILD_PAIR_STRING("model",
							  MISSING(provider_model(provider))),
				SD_JSON_BUILD_PAIR_BOOLEAN("hasKey", egress->has_key)),
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
		egress_on_fetch, "io.clawos.Egress.Answer", on_answer, "io.clawos.Egress.Questions",
		on_questions, "io.clawos.Egress.Rules", on_rules, "io.clawos.Egress.Revoke",
		on_revoke, "io.clawos.Egress.Status", on_status, "io.clawos.Egress.Spending",
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
