/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/call-judge.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "l6-agent/field.h"
#include "l6-agent/peer.h"

#include <stdlib.h>
#include <string.h>

#define auto_variant __attribute__((cleanup(sd_json_variant_unrefp)))

enum {
	VALUE_BYTES_MAX = 16 * 1024, /* of one argument: a longer one is judged as unknown */
	ANSWER_S = 60,               /* one that lives and takes so long will not answer */
	REASON_BYTES = ERROR_TEXT_BYTES + 64,
};

struct call_judge {
	struct call_judge_options options;
	struct peer_call *call;
};

bool call_judge_is_needed(const struct tool *tool)
{
	return tool->place != TOOL_HERE && tool->place != TOOL_STASH && tool->place != TOOL_EGRESS;
}

int call_origins_build(unsigned origins, sd_json_variant **ret)
{
	int r = sd_json_variant_new_array(ret, NULL, 0);

	for (unsigned i = 0; i < TOOL_ORIGIN_COUNT && r >= 0; i++)
		if (origins & 1U << i)
			r = sd_json_variant_append_arrayb(
				ret, SD_JSON_BUILD_STRING(tool_origin_name(i)));
	return r;
}

static int add_argument(sd_json_variant **object, yyjson_val *key, yyjson_val *value)
{
	const char *name = yyjson_get_str(key);

	if (!yyjson_is_str(value))
		return 0;
	if (yyjson_get_len(value) > VALUE_BYTES_MAX ||
	    strlen(yyjson_get_str(value)) != yyjson_get_len(value)) /* a NUL is no text either */
		return sd_json_variant_set_fieldb(object, name, SD_JSON_BUILD_NULL);
	return sd_json_variant_set_field_string(object, name, yyjson_get_str(value));
}

static int build_arguments(const char *text, sd_json_variant **ret)
{
	yyjson_doc *doc = payload_parse(text, strlen(text));
	yyjson_val *key, *value;
	size_t i, max;
	int r = doc ? sd_json_variant_new_object(ret, NULL, 0) : -ENOMEM;

	yyjson_obj_foreach(yyjson_doc_get_root(doc), i, max, key, value)
	{
		if (r >= 0)
			r = add_argument(ret, key, value);
	}
	yyjson_doc_free(doc);
	return r;
}

static void on_reply(struct peer_call *call, const char *error_id, sd_json_variant *reply,
		     bool is_final, void *data)
{
	struct call_judgment judgment = { .verdict = TOOL_DENY };
	struct call_judge *judge = data;
	char reason[REASON_BYTES];

	(void)call;
	(void)is_final;
	judge->call = NULL;
	if (error_id) {
		(void)snprintf(reason, sizeof(reason),
			       "claw-egressd, which keeps the rules: %.180s",
			       peer_error_reason(error_id, reply));
		judgment.reason = reason;
	} else if (!tool_verdict_parse(field_text(reply, "verdict", ""), &judgment.verdict)) {
		judgment.reason = "claw-egressd gave no verdict";
	} else {
		judgment.reason = field_text(reply, "reason", "");
		judgment.proposal = field_text(reply, "proposal", NULL);
	}
	judge->options.on_done(&judgment, judge->options.data);
	free(judge);
}

static int begin(struct call_judge *judge, struct error *err)
{
	auto_variant sd_json_variant *arguments = NULL, *origins = NULL, *parameters = NULL;
	struct call_judge_options *options = &judge->options;
	struct peer_call_options call = {
		.method = "io.clawos.Egress.Judge",
		.repeatable = true,
		.timeout_us = ANSWER_S * CLOCK_SECOND_US,
		.on_reply = on_reply,
		.data = judge,
	};
	int r = build_arguments(options->arguments, &arguments);

	if (r >= 0)
		r = call_origins_build(options->origins, &origins);
	if (r >= 0)
		r = sd_json_buildo(&parameters,
				   SD_JSON_BUILD_PAIR_STRING("tool", options->tool->name),
				   SD_JSON_BUILD_PAIR_STRING("thread", options->thread),
				   SD_JSON_BUILD_PAIR_VARIANT("origins", origins),
				   SD_JSON_BUILD_PAIR_VARIANT("arguments", arguments));
	if (r < 0)
		return FAIL(err, r, "the call cannot be judged: %s", strerror(-r));
	call.parameters = parameters;
	options->arguments = NULL;
	return peer_call_start(options->agent->egress, &call, &judge->call, err);
}

int call_judge_start(const struct call_judge_options *options, struct call_judge **ret,
		     struct error *err)
{
	struct call_judge *judge = calloc(1, sizeof(*judge));
	int r;

	if (!judge)
		return FAIL(err, -ENOMEM, "out of memory");
	judge->options = *options;
	r = begin(judge, err);
	if (r < 0) {
		free(judge);
		return r;
	}
	*ret = judge;
	return 0;
}

void call_judge_cancel(struct call_judge *judge)
{
	if (!judge)
		return;
	peer_call_cancel(judge->call);
	free(judge);
}
