/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/up-config.h"

#include "l6-agent/provider-config.h"

#include "harness/tap.h"

#include <stdint.h>

static const char *const *names; /* NAME, value, NAME, value …, NULL */

static char *lookup(const char *name)
{
	for (size_t i = 0; names && names[i]; i += 2)
		if (strcmp(names[i], name) == 0)
			return (char *)(uintptr_t)names[i + 1]; /* as getenv: not the caller's */
	return NULL;
}

static void load(struct up_config *config, const char *text, const char *const *env)
{
	struct error err = { 0 };

	names = env;
	EXPECT_OK(up_config_load(text, lookup, config, &err), &err);
}

static void expect_refused(const char *text, const char *wanted)
{
	struct up_config config;
	struct error err = { 0 };

	names = NULL;
	EXPECT_INT(up_config_load(text, lookup, &config, &err), ==, -EINVAL);
	EXPECT_STR(err.text, wanted);
}

TEST(nothing_at_all_means_the_local_model)
{
	struct up_config config;

	load(&config, NULL, NULL);
	EXPECT_STR(up_config_get(&config, "provider", "backend"), "local");
	EXPECT_INT(config.from_environment, ==, 0);
	up_config_free(&config);
}

TEST(a_base_url_alone_means_an_openai_compatible_server)
{
	static const char *const env[] = { "LLM_BASE_URL", "http://127.0.0.1:9/v1", NULL };
	struct up_config config;

	load(&config, "", env);
	EXPECT_STR(up_config_get(&config, "provider", "backend"), "openai_compatible");
	EXPECT_INT(config.from_environment, ==, 1);
	up_config_free(&config);
}

TEST(each_line_of_the_table_is_chosen_by_its_name_and_brings_its_own_key)
{
	for (size_t i = 0; i < provider_count; i++) {
		const struct provider_row *row = &provider_table[i];
		const char *variable = row->key_variable ? row->key_variable : "LLM_API_KEY";
		const char *const env[] = { "LLM_BACKEND", row->name, variable, "sk-1", NULL };
		struct up_config config;

		load(&config, NULL, env);
		EXPECT_STR(up_config_get(&config, "provider", "backend"), row->name);
		EXPECT_STR(config.provider_key, "sk-1");
		up_config_free(&config);
	}
}

TEST(the_key_of_another_provider_is_not_taken)
{
	static const char *const env[] = { "LLM_BACKEND", "groq",       "OPENAI_API_KEY",
					   "sk-1",        "GROQ_MODEL", "m",
					   NULL };
	struct up_config config;

	load(&config, NULL, env);
	EXPECT_INT(config.provider_key == NULL, ==, 1);
	EXPECT_STR(up_config_get(&config, "provider", "model"), "m");
	up_config_free(&config);
}

TEST(names_of_another_backend_are_not_used)
{
	static const char *const env[] = { "LLM_BACKEND", "ollama",       "OPENAI_MODEL",
					   "a",           "OLLAMA_MODEL", "b",
					   NULL };
	struct up_config config;

	load(&config, NULL, env);
	EXPECT_STR(up_config_get(&config, "provider", "model"), "b");
	up_config_free(&config);
}

TEST(the_environment_wins_over_the_file)
{
	static const char *const env[] = { "AGENT_MAX_TOOL_ITERATIONS", "7", NULL };
	struct up_config config;

	load(&config, "[agent]\nmax_iterations = 9 \n", env);
	EXPECT_STR(up_config_get(&config, "agent", "max_iterations"), "7");
	up_config_free(&config);
}

TEST(a_key_is_never_dealt_to_a_daemon)
{
	static const char *const env[] = { "LLM_BASE_URL", "http://h/v1", "LLM_API_KEY",
					   "s3cr3t-key", NULL };
	static const char *const all[] = { "agent", "provider", "egress", "llm",
					   "fs",    "sandbox",  NULL };
	struct buf text = BUF(UP_CONFIG_MAX);
	struct up_config config;

	load(&config, "[provider]\nkey_file = /root/key\n", env);
	EXPECT_STR(config.provider_key, "s3cr3t-key");
	EXPECT_INT(up_config_deal(&config, all, true, &text), ==, 0);
	EXPECT_INT(strstr(text.data, "s3cr3t") == NULL, ==, 1);
	EXPECT_INT(strstr(text.data, "key_file") == NULL, ==, 1);
	EXPECT_INT(strstr(text.data, "base_url = http://h/v1\n") != NULL, ==, 1);
	buf_free(&text);
	up_config_free(&config);
}

/* Each of these would send a secret to a server it was not meant for. */
TEST(a_key_and_headers_of_the_file_stay_with_its_provider_and_its_address)
{
	static const char file[] = "[provider]\nbackend = groq\nbase_url = http://a/v1\n"
				   "model = m\nkey_file = groq.key\nextra_headers = X-Key:s\n";
	static const char *const address[] = { "LLM_BASE_URL", "http://b/v1", "GROQ_API_KEY",
					       "sk-g", NULL };
	static const char *const backend[] = { "LLM_BACKEND", "vllm", "VLLM_API_KEY", "sk-v",
					       NULL };
	static const char *const same[] = { "LLM_BACKEND", "groq", "LLM_BASE_URL", "http://a/v1",
					    NULL };
	struct up_config config;

	load(&config, file, address);
	EXPECT_STR(up_config_get(&config, "provider", "base_url"), "http://b/v1");
	EXPECT_INT(up_config_get(&config, "provider", "key_file") == NULL, ==, 1);
	EXPECT_INT(up_config_get(&config, "provider", "extra_headers") == NULL, ==, 1);
	EXPECT_INT(config.provider_key == NULL, ==, 1);
	up_config_free(&config);
	load(&config, file, backend);
	EXPECT_INT(up_config_get(&config, "provider", "base_url") == NULL, ==, 1);
	EXPECT_INT(up_config_get(&config, "provider", "key_file") == NULL, ==, 1);
	EXPECT_INT(up_config_get(&config, "provider", "extra_headers") == NULL, ==, 1);
	EXPECT_STR(config.provider_key, "sk-v");
	up_config_free(&config);
	load(&config, file, same);
	EXPECT_STR(up_config_get(&config, "provider", "key_file"), "groq.key");
	EXPECT_STR(up_config_get(&config, "provider", "extra_headers"), "X-Key:s");
	up_config_free(&config);
}

TEST(headers_for_the_provider_are_dealt_to_who_sends_them_only)
{
	static const char *const sections[] = { "provider", NULL };
	struct buf sender = BUF(UP_CONFIG_MAX), other = BUF(UP_CONFIG_MAX);
	struct up_config config;

	load(&config, "[provider]\nextra_headers = X-Key:s3cr3t\n", NULL);
	EXPECT_INT(up_config_deal(&config, sections, true, &sender), ==, 0);
	EXPECT_INT(up_config_deal(&config, sections, false, &other), ==, 0);
	EXPECT_INT(strstr(sender.data, "extra_headers = X-Key:s3cr3t\n") != NULL, ==, 1);
	EXPECT_INT(strstr(other.data, "s3cr3t") == NULL, ==, 1);
	buf_free(&sender);
	buf_free(&other);
	up_config_free(&config);
}

TEST(a_daemon_gets_its_own_sections_only)
{
	static const char *const fs[] = { "fs", NULL };
	struct buf text = BUF(UP_CONFIG_MAX);
	struct up_config config;

	load(&config, "[agent]\nname = x\n[fs]\ncache = 1\n", NULL);
	EXPECT_INT(up_config_deal(&config, fs, false, &text), ==, 0);
	EXPECT_STR(text.data, "[fs]\ncache = 1\n");
	buf_free(&text);
	up_config_free(&config);
}

TEST(a_different_key_is_a_different_configuration)
{
	static const char *const one[] = { "LLM_API_KEY", "one", NULL };
	static const char *const two[] = { "LLM_API_KEY", "two", NULL };
	struct up_config a, b;

	load(&a, NULL, one);
	load(&b, NULL, two);
	EXPECT_INT(up_config_fingerprint(&a) != up_config_fingerprint(&b), ==, 1);
	up_config_free(&a);
	up_config_free(&b);
}

TEST(mistakes_in_the_file_are_named_with_their_line)
{
	expect_refused("[agnet]\n", "clawos.conf:1: unknown section [agnet]");
	expect_refused("\nname = x\n", "clawos.conf:2: expected key = value below a [section]");
	expect_refused("[fs]\na = 1\na = 2\n", "clawos.conf:3: a is given twice");
	expect_refused("[fs\n", "clawos.conf:1: a section is written [name]");
}
