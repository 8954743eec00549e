// SPDX-License-Identifier: Apache-2.0
// Templates are other people's: what can be judged is judged the same each time, every remark says where, what and how
// to mend it, and no template is taken for a confidential one that names no policy.
#include "blindbox/deploy/lint.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  namespace deploy = blindbox::deploy;
  const std::string_view text = blindbox::base::as_text(blindbox::fuzz::input(data, size));
  const auto remarks = deploy::lint(text, "t", std::nullopt);
  if (!remarks) {
    must(!remarks.error().what.empty(), "a refusal says why");
    return 0;
  }
  for (const auto& remark : *remarks) {
    must(!remark.what.empty() && !remark.mend.empty() && remark.where.starts_with("t"), "a remark that helps");
  }
  const bool claims = text.find("ccePolicy") != std::string_view::npos ||
                      text.find("ccepolicy") != std::string_view::npos ||
                      text.find("cc_init_data") != std::string_view::npos;
  must(claims || !remarks->empty(), "nothing confidential goes without a policy or initdata");
  return 0;
}
