// SPDX-License-Identifier: Apache-2.0
// What a vCPU says that it is: part of its first state, and so of the launch digest.
#include <algorithm>
#include <array>

#include "blindbox/measure/launch_digest.h"

namespace blindbox::measure {
namespace {

struct CpuModel {
  std::string_view name;
  std::uint32_t family, model, stepping;
};
// QEMU, target/i386/cpu.c, builtin_x86_defs. A later version of a model keeps the signature.
constexpr std::array kCpuModels = {
    CpuModel{"EPYC", 23, 1, 2},           CpuModel{"EPYC-v1", 23, 1, 2},        CpuModel{"EPYC-v2", 23, 1, 2},
    CpuModel{"EPYC-IBPB", 23, 1, 2},      CpuModel{"EPYC-v3", 23, 1, 2},        CpuModel{"EPYC-v4", 23, 1, 2},
    CpuModel{"EPYC-v5", 23, 1, 2},        CpuModel{"EPYC-Rome", 23, 49, 0},     CpuModel{"EPYC-Rome-v1", 23, 49, 0},
    CpuModel{"EPYC-Rome-v2", 23, 49, 0},  CpuModel{"EPYC-Rome-v3", 23, 49, 0},  CpuModel{"EPYC-Rome-v4", 23, 49, 0},
    CpuModel{"EPYC-Rome-v5", 23, 49, 0},  CpuModel{"EPYC-Milan", 25, 1, 1},     CpuModel{"EPYC-Milan-v1", 25, 1, 1},
    CpuModel{"EPYC-Milan-v2", 25, 1, 1},  CpuModel{"EPYC-Milan-v3", 25, 1, 1},  CpuModel{"EPYC-Genoa", 25, 17, 0},
    CpuModel{"EPYC-Genoa-v1", 25, 17, 0}, CpuModel{"EPYC-Genoa-v2", 25, 17, 0}, CpuModel{"EPYC-Turin", 26, 0, 0},
    CpuModel{"EPYC-Turin-v1", 26, 0, 0},
};

}  // namespace

Result<std::uint32_t> cpu_signature(std::uint32_t family, std::uint32_t model, std::uint32_t stepping) {
  constexpr std::uint32_t kMostFamily = 0xf + 0xff;
  constexpr std::uint32_t kMostModel = 0xff;
  constexpr std::uint32_t kMostStepping = 0xf;
  if (family > kMostFamily || model > kMostModel || stepping > kMostStepping) {
    return base::fail(ErrorKind::usage, "no vCPU has that family, model or stepping", "",
                      "a family is 270 at most, a model 255, a stepping 15");
  }
  // AMD 25481, CPUID Fn0000_0001_EAX.
  const std::uint32_t extended = family > 0xf ? family - 0xf : 0;
  return extended << 20 | (model >> 4) << 16 | std::min(family, 0xfU) << 8 | (model & 0xf) << 4 | stepping;
}

Result<std::uint32_t> cpu_signature(std::string_view name) {
  for (const CpuModel& cpu : kCpuModels) {
    if (cpu.name != name) continue;
    return cpu_signature(cpu.family, cpu.model, cpu.stepping);
  }
  std::string known;
  for (const std::string_view cpu : cpu_names()) known += (known.empty() ? "" : ", ") + std::string(cpu);
  return base::fail(ErrorKind::usage, "there is no vCPU type \"" + std::string(name) + "\"", "", "known are " + known);
}

std::vector<std::string_view> cpu_names() {
  std::vector<std::string_view> names;
  names.reserve(std::size(kCpuModels));
  for (const CpuModel& cpu : kCpuModels) names.push_back(cpu.name);
  return names;
}

}  // namespace blindbox::measure
