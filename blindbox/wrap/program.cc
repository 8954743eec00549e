// SPDX-License-Identifier: Apache-2.0
#include <elf.h>

#include <cstring>

#include "blindbox/wrap/wrap.h"

namespace blindbox::wrap {
namespace {

using base::fail;

constexpr std::size_t kMostProgramHeaders = 64;

Result<std::string> no_program(const std::string& why) {
  return fail(ErrorKind::malformed, "this is no blindbox-init: " + why, "",
              "\"--init FILE\" names the static program that blindbox was built with");
}

}  // namespace

Result<std::string> architecture_of(ByteView program) {
  Elf64_Ehdr head{};
  if (program.size() < sizeof head) return no_program("it is too short for a program");
  std::memcpy(&head, program.data(), sizeof head);
  if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
      head.e_ident[EI_DATA] != ELFDATA2LSB || head.e_phentsize != sizeof(Elf64_Phdr) ||
      head.e_phnum > kMostProgramHeaders) {
    return no_program("it is no 64-bit ELF program");
  }
  const std::size_t length = head.e_phnum * sizeof(Elf64_Phdr);
  if (head.e_phoff > program.size() || program.size() - head.e_phoff < length) return no_program("it is cut off");
  bool loads = false;
  for (std::size_t i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr part{};
    std::memcpy(&part, program.subspan(head.e_phoff + i * sizeof part).data(), sizeof part);
    if (part.p_type == PT_INTERP) return no_program("it is linked dynamically, and would load the image's libraries");
    loads = loads || part.p_type == PT_LOAD;
  }
  if (!loads || head.e_entry == 0) return no_program("nothing in it runs");
  if (head.e_machine == EM_X86_64) return std::string("amd64");
  if (head.e_machine == EM_AARCH64) return std::string("arm64");
  return no_program("it is for another kind of machine");
}

}  // namespace blindbox::wrap
