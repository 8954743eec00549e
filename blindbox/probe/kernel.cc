// SPDX-License-Identifier: Apache-2.0
// The kernel's own doors: rings, keys, modules, programs, counters, memory, clocks. Where success would change the
// machine, the call gets arguments on which it fails after the permission.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

Finding descriptor(long got, const std::string& meaning) {
  const base::Fd fd(static_cast<int>(got));
  return unless_failed(got, meaning);
}

Finding make_ring(const Settings&) {
  io_uring_params parameters{};
  return descriptor(::syscall(SYS_io_uring_setup, 1U, &parameters), "a ring was made");
}

// A file that is no ring: whoever may use rings is told so.
Finding use_ring(const Settings&) {
  return unless_refused(::syscall(SYS_io_uring_enter, -1, 0U, 0U, 0U, nullptr, 0UL), "using a ring");
}

Finding add_key(const Settings&) {
  const long key = ::syscall(SYS_add_key, "user", "blindbox-probe", "x", 1UL, KEY_SPEC_PROCESS_KEYRING);
  return unless_failed(key, "a key was added to a ring");
}

Finding use_keyring(const Settings&) {
  return unless_failed(::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1, 0, 0),
                       "a session's keys are within reach");
}

Finding request_key(const Settings&) {
  return unless_refused(::syscall(SYS_request_key, "user", "blindbox-probe-none", nullptr, 0), "asking for a key");
}

Finding load_module(const Settings&) {
  return unless_refused(::syscall(SYS_init_module, nullptr, 0UL, ""), "loading a module");
}

Finding load_module_file(const Settings&) {
  return unless_refused(::syscall(SYS_finit_module, -1, "", 0), "loading a module");
}

Finding unload_module(const Settings&) {
  return unless_refused(::syscall(SYS_delete_module, "blindbox_probe_none", unsigned{O_NONBLOCK}),
                        "unloading a module");
}

Finding make_map(const Settings&) {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 4;
  attributes.max_entries = 1;
  return descriptor(::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes), "a map was made");
}

Finding count_events(const Settings&) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  attributes.exclude_kernel = 1;
  return descriptor(::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0UL), "a counter was opened");
}

Finding handle_faults(const Settings&) {
  const long whole = ::syscall(SYS_userfaultfd, O_CLOEXEC);
  if (whole >= 0) return descriptor(whole, "page faults can be held up");
  return descriptor(::syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY), "page faults can be held up");
}

// More segments than the kernel takes.
Finding load_kernel(const Settings&) {
  return unless_refused(::syscall(SYS_kexec_load, 0UL, 1UL << 20, nullptr, 0UL), "loading another kernel");
}

Finding load_kernel_file(const Settings&) {
  return unless_refused(::syscall(SYS_kexec_file_load, -1, -1, 0UL, nullptr, ~0UL), "loading another kernel");
}

// Numbers that are not reboot's.
Finding restart_machine(const Settings&) {
  return unless_refused(::syscall(SYS_reboot, 0, 0, 0, nullptr), "restarting the machine");
}

// Neither a time nor a zone to set.
Finding set_clock(const Settings&) {
  return unless_refused(::syscall(SYS_settimeofday, nullptr, nullptr), "setting the clock");
}

Finding use_swap(const Settings&) {
  return unless_refused(::syscall(SYS_swapon, "/blindbox-probe-none", 0), "swapping to a file");
}

// A folder cannot be accounted to.
Finding keep_accounts(const Settings&) { return unless_refused(::syscall(SYS_acct, "/"), "accounting of processes"); }

Finding read_log(const Settings&) {
  constexpr int kReadAll = 3;
  std::array<char, 1> byte{};
  return unless_failed(::syscall(SYS_syslog, kReadAll, byte.data(), 1), "the kernel's log can be read");
}

#ifdef __x86_64__
Finding raise_ports(const Settings&) {
  return unless_failed(::syscall(SYS_iopl, 3), "the machine's ports are within reach");
}
#else
Finding raise_ports(const Settings&) { return not_applicable("this machine has no ports"); }
#endif

Finding rename_host(const Settings&) {
  // A name that is too long: the permission comes first.
  const std::string name(1000, 'x');
  return unless_refused(::syscall(SYS_sethostname, name.c_str(), name.size()), "renaming the host");
}

Finding watch_files(const Settings&) {
  constexpr unsigned kContent = 4;  // FAN_CLASS_CONTENT, which decides about others' access
  return descriptor(::syscall(SYS_fanotify_init, kContent, unsigned{O_RDONLY}),
                    "others' access to files can be watched");
}

}  // namespace

void add_kernel(Catalogue& to) {
  to.push_back({"io_uring.setup", "make an io_uring, past filters of system calls", make_ring});
  to.push_back({"io_uring.enter", "use an io_uring", use_ring});
  to.push_back({"keys.add", "add a key to a ring of the kernel", add_key});
  to.push_back({"keys.control", "reach a session's ring of keys", use_keyring});
  to.push_back({"keys.request", "ask the kernel for a key", request_key});
  to.push_back({"module.load", "load a kernel module", load_module});
  to.push_back({"module.load_file", "load a kernel module from a file", load_module_file});
  to.push_back({"module.unload", "unload a kernel module", unload_module});
  to.push_back({"bpf", "make a BPF map", make_map});
  to.push_back({"perf", "open a performance counter", count_events});
  to.push_back({"userfaultfd", "handle page faults", handle_faults});
  to.push_back({"kexec.load", "load another kernel", load_kernel});
  to.push_back({"kexec.load_file", "load another kernel from a file", load_kernel_file});
  to.push_back({"reboot", "restart the machine", restart_machine});
  to.push_back({"clock.set", "set the clock", set_clock});
  to.push_back({"swap", "swap memory to a file", use_swap});
  to.push_back({"accounting", "write accounts of processes to a file", keep_accounts});
  to.push_back({"kernel.log", "read the kernel's log", read_log});
  to.push_back({"ports", "reach the machine's input and output ports", raise_ports});
  to.push_back({"host.rename", "rename the host", rename_host});
  to.push_back({"files.watch", "decide about others' access to files with fanotify", watch_files});
}

}  // namespace blindbox::probe::internal
