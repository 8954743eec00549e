// SPDX-License-Identifier: Apache-2.0
// The other ways into the kernel of an x86-64 machine, past a filter that knows one table of system calls.
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

Finding change_personality(const Settings&) {
  const int before = ::personality(0xFFFFFFFFUL);
  if (before < 0) return blocked(errno);
  for (const unsigned long wanted : {0x0040000UL /* ADDR_NO_RANDOMIZE */, 0x0400000UL /* READ_IMPLIES_EXEC */}) {
    if (::personality(static_cast<unsigned long>(before) | wanted) >= 0) {
      return escaped("addresses can be made predictable, or all memory executable");
    }
  }
  return blocked(errno);
}

#ifdef __x86_64__

Finding call_i386(const Settings&) {
  constexpr long kGetpid = 20;  // in i386's table
  long result = kGetpid;
  // i386 leaves the upper halves of r8 to r11 undefined.
  __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  const int pid = static_cast<int>(result);
  if (pid == ::getpid()) return escaped("i386's system calls work");
  return blocked(pid < 0 && pid > -4096 ? -pid : 0);
}

Finding call_x32(const Settings&) {
  constexpr long kX32 = 0x40000000;
  return unless_failed(::syscall(kX32 | SYS_getpid), "x32's system calls work");
}

#else

Finding call_i386(const Settings&) { return not_applicable("this is no x86-64 machine"); }
Finding call_x32(const Settings&) { return not_applicable("this is no x86-64 machine"); }

#endif

}  // namespace

void add_abi(Catalogue& to) {
  to.push_back({"abi.personality", "weaken the protection of memory with personality()", change_personality});
  to.push_back({"abi.i386", "call the kernel by int 0x80, as i386 does", call_i386});
  to.push_back({"abi.x32", "call the kernel as x32 does", call_x32});
}

}  // namespace blindbox::probe::internal
