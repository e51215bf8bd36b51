/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * link - connections of the shell to the daemons' sockets (L7).
 *
 * Sockets are reached through the descriptor of $STATE/run, so the length of the state's path does
 * not matter. Errors on the wire (io.clawos.*.Name) become a code and a sentence for the person.
 *
 * Ownership  The caller unrefs connections and replies.
 * Errors     -ECONNREFUSED or -ENOENT when nobody serves the socket; else as in spec/errors.md.
 * Source     spec/errors.md.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-json.h>
#include <systemd/sd-varlink.h>

#define auto_link __attribute__((cleanup(sd_varlink_close_unrefp)))
#define auto_json __attribute__((cleanup(sd_json_variant_unrefp)))

/* As link_open(); connection and calls together wait for limit_us at most (0: as long as it takes).
 */
must_check int link_open_within(int run_fd, const char *name, uint64_t limit_us, sd_varlink **ret,
				struct error *err);

/* A Varlink connection with descriptor passing both ways. */
must_check int link_open(int run_fd, const char *name, sd_varlink **ret, struct error *err);

/* One call and its reply; parameters are borrowed and may be NULL, ret may be NULL. */
must_check int link_call(sd_varlink *link, const char *method, sd_json_variant *parameters,
			 sd_json_variant **ret, struct error *err);

/* Opens, calls, closes. */
must_check int link_ask(int run_fd, const char *name, const char *method,
			sd_json_variant *parameters, sd_json_variant **ret, struct error *err);

/* The wire error as a failure: its code (negative) is returned, its sentence is in err. */
int link_error(const char *error_id, sd_json_variant *parameters, struct error *err);

/* Fields of a reply; what is missing or of another type is "", 0, false or NULL. Borrowed. */
const char *link_string(sd_json_variant *object, const char *key);
int64_t link_integer(sd_json_variant *object, const char *key);
bool link_boolean(sd_json_variant *object, const char *key);
/* The value as compact JSON text, the caller's to free. */
must_check int link_format(sd_json_variant *value, char **ret);
sd_json_variant *link_field(sd_json_variant *object, const char *key);
