/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * trim - gives back memory that only the start of a program needed.
 *
 * Loading shared libraries touches most of their code once: relocation, constructors, self-tests.
 * Those pages are clean copies of files; a daemon that sits idle for days need not keep them
 * mapped. What is used again comes back by itself.
 *
 * Threads  None may run yet that could notice the delay.
 */
#pragma once

void trim_start_up(void);
