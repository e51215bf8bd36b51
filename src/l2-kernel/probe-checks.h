/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * probe-checks - attempts of claw-cageprobe that take more than one system call (L2).
 *
 * Each returns -errno when the thing was refused or is not there, else 0.
 */
#pragma once

/* Named after the row of probe-attempts.c each is for. */
int probe_foreign_root(void);
int probe_openat2(void);
int probe_write_workspace(void);
int probe_write_tmp(void);
int probe_run_program(void);
int probe_other_id(void);
int probe_capability(void);
int probe_new_privileges(void);
int probe_unfiltered(void);
int probe_securebits(void);
int probe_raise_limit(void);
int probe_core(void);
int probe_descriptors(void);
int probe_environment(void);
int probe_processes(void);
int probe_parent(void);
int probe_interfaces(void);
int probe_outside_socket(void);
