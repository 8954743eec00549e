// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/notices.h"

namespace blindbox::lsp {
namespace {

constexpr std::size_t kTextCap = 2000;  // bytes of a server's words that a person is shown

// Who reads this sits in an editor and sees no exit status: whether code has left is what they ask first.
std::string describe(const Error& error, const std::string& server) {
  switch (error.kind) {
    case ErrorKind::not_authentic:
    case ErrorKind::not_acceptable: return "BlindBox: the server is refused, and nothing was sent to it: " + error.what;
    case ErrorKind::platform: return "BlindBox: the server has no evidence, and nothing was sent to it: " + error.what;
    default: break;
  }
  if (error.what.starts_with("cannot connect to ")) {
    return "BlindBox: no proxy is there: " + error.what + "; run \"blindbox connect URL --policy FILE\"";
  }
  return "BlindBox: no completion from " + server + ": " + error.what;
}

}  // namespace

void Notices::heard(const Result<infill::Filled>& outcome) {
  if (outcome) {
    if (!failure_.empty()) show_(MessageType::info, "BlindBox: completions come again");
    failure_.clear();
    tell_verdict(*outcome);
    return;
  }
  std::string text = describe(outcome.error(), server_);
  if (text.size() > kTextCap) text.resize(kTextCap);
  if (text == failure_) return;
  failure_ = text;
  show_(MessageType::error, text);
}

void Notices::tell_verdict(const infill::Filled& filled) {
  if (filled.verdict == verdict_) return;
  verdict_ = filled.verdict;
  if (filled.emulated) {
    show_(MessageType::warning, "BlindBox: EMULATED, NOT A TEE: the server's evidence comes from an emulator");
  } else if (filled.verdict.empty()) {
    show_(MessageType::warning, "BlindBox: " + server_ +
                                    " says nothing of a verdict: it is no \"blindbox connect\", "
                                    "and nobody has verified where the code goes");
  }
}

}  // namespace blindbox::lsp
