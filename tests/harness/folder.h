/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * folder - an empty folder for one test, removed with all that is in it when the test asks for
 * another one, or its process ends.
 */
#pragma once

/* Returns a descriptor of it, the caller's; *ret_path (may be NULL) lives as long as the process.
 */
int test_folder(const char **ret_path);
