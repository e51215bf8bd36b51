/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/field.h"

const char *field_text(sd_json_variant *object, const char *key, const char *otherwise)
{
	sd_json_variant *value = sd_json_variant_by_key(object, key);

	return value && sd_json_variant_is_string(value) ? sd_json_variant_string(value)
							 : otherwise;
}

long long field_number(sd_json_variant *object, const char *key, long long otherwise)
{
	sd_json_variant *value = sd_json_variant_by_key(object, key);

	return value && sd_json_variant_is_integer(value) ? sd_json_variant_integer(value)
							  : otherwise;
}

bool field_flag(sd_json_variant *object, const char *key, bool otherwise)
{
	sd_json_variant *value = sd_json_variant_by_key(object, key);

	return value && sd_json_variant_is_boolean(value) ? sd_json_variant_boolean(value)
							  : otherwise;
}
