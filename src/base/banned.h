/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Force-included (-include) into every product file: calling one of these does not compile.
 * Each has a safe counterpart: buf.h, number.h, dir.h, clock.h, getrandom(2), signalfd.
 */
#pragma once

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#undef alloca
#pragma GCC poison alloca
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok strtok_r
#pragma GCC poison atoi atol atoll atof strtol strtoul strtoll strtoull sscanf
#pragma GCC poison system popen tmpnam tempnam mktemp gmtime localtime ctime asctime
#pragma GCC poison signal vfork rand srand random seteuid setegid realpath access sleep usleep
