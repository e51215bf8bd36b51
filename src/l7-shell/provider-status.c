/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/provider-status.h"

#include "l7-shell/link.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 256 };

static int ask(struct shell *shell, sd_json_variant **ret, sd_json_variant **ret_list)
{
	int r = link_ask(shell->run_fd, "egress", "io.clawos.Egress.Status", NULL, ret, NULL);

	*ret_list = r < 0 ? NULL : link_field(link_field(*ret, "status"), "providers");
	return *ret_list && sd_json_variant_is_array(*ret_list) ? 0 : -ENODATA;
}

static bool is_closed(sd_json_variant *row)
{
	return strcmp(link_string(row, "state"), "closed") == 0;
}

static void describe(sd_json_variant *row, size_t place, char ret[static TEXT_BYTES])
{
	const char *state = link_string(row, "state");
	long long failures = link_integer(row, "failures");
	char how[TEXT_BYTES / 2];

	if (strcmp(state, "open") == 0)
		(void)snprintf(how, sizeof(how), "passed over: failed %lld times in a row",
			       failures);
	else if (strcmp(state, "half-open") == 0)
		(void)snprintf(how, sizeof(how), "failed %lld times in a row; asked once more",
			       failures);
	else
		(void)snprintf(how, sizeof(how), "%s", place == 0 ? "is asked" : "stands in");
	(void)snprintf(ret, TEXT_BYTES, "%.60s %.60s, %s", link_string(row, "name"),
		       link_string(row, "model"), how);
}

void provider_status_print(struct shell *shell, int columns)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *list;

	if (ask(shell, &reply, &list) < 0)
		return; /* its daemon's row says how it is */
	if (sd_json_variant_elements(list) == 1 && is_closed(sd_json_variant_by_index(list, 0)))
		return;
	for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
		sd_json_variant *row = sd_json_variant_by_index(list, i);
		char text[TEXT_BYTES];

		describe(row, i, text);
		screen_own(&shell->out, STYLE_DIM, "%-*s", columns, i == 0 ? "providers" : "");
		screen_foreign(&shell->out, is_closed(row) ? STYLE_PLAIN : STYLE_ASK, text, 0);
		screen_own(&shell->out, STYLE_PLAIN, "\n");
	}
}

void provider_status_doctor(struct doctor *doctor, struct shell *shell)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *list;

	if (ask(shell, &reply, &list) < 0)
		return;
	for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
		sd_json_variant *row = sd_json_variant_by_index(list, i);
		char text[TEXT_BYTES];

		if (sd_json_variant_elements(list) == 1 && is_closed(row))
			continue; /* the configuration names it */
		describe(row, i, text);
		doctor_say(doctor, is_closed(row) ? DOCTOR_IN_FORCE : DOCTOR_DEGRADED, "provider",
			   text, "the others answer; it is asked again by itself");
	}
}
