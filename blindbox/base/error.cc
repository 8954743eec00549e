// SPDX-License-Identifier: Apache-2.0
#include "blindbox/base/error.h"

#include <array>
#include <utility>

namespace blindbox::base {
namespace {

struct KindRow {
  ErrorKind kind;
  const char* name;
  int exit_code;
};

constexpr std::array kKinds = {
    KindRow{ErrorKind::usage, "usage", 2},
    KindRow{ErrorKind::malformed, "malformed", 3},
    KindRow{ErrorKind::not_authentic, "not_authentic", 4},
    KindRow{ErrorKind::not_acceptable, "not_acceptable", 5},
    KindRow{ErrorKind::network, "network", 6},
    KindRow{ErrorKind::policy, "policy", 7},
    KindRow{ErrorKind::model, "model", 8},
    KindRow{ErrorKind::platform, "platform", 9},
    KindRow{ErrorKind::io, "io", 10},
    KindRow{ErrorKind::limit, "limit", 11},
    KindRow{ErrorKind::cancelled, "cancelled", 12},
    KindRow{ErrorKind::protocol, "protocol", 13},
    KindRow{ErrorKind::forbidden, "forbidden", 14},
    KindRow{ErrorKind::internal, "internal", 1},
};

const KindRow& row(ErrorKind kind) {
  for (const KindRow& candidate : kKinds) {
    if (candidate.kind == kind) return candidate;
  }
  return kKinds.back();
}

}  // namespace

int exit_code(ErrorKind kind) { return row(kind).exit_code; }

const char* kind_name(ErrorKind kind) { return row(kind).name; }

std::string to_string(const Error& error) {
  std::string text = "blindbox: error: " + error.what;
  if (!error.detail.empty()) text += "\n  " + error.detail;
  if (!error.hint.empty()) text += "\nblindbox: hint: " + error.hint;
  return text;
}

}  // namespace blindbox::base
