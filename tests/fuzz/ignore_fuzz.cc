// SPDX-License-Identifier: Apache-2.0
// Any text is a pattern file, any text a name, and the answer does not change. The first line is the name.
#include "blindbox/scan/ignore.h"
#include "blindbox/scan/internal/names.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  const std::string_view text = blindbox::base::as_text(blindbox::fuzz::input(data, size));
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view name = text.substr(0, end);
  const std::string file(text.substr(std::min(end + 1, text.size())));
  using blindbox::scan::IgnorePatterns;
  const auto patterns = IgnorePatterns::parse(file);
  must(patterns.ignores(name) == IgnorePatterns::parse(file).ignores(name), "the same question has one answer");
  if (!name.empty() && name.find('/') == std::string_view::npos) {
    must(IgnorePatterns::parse(file + "\n*\n").ignores(name), "a last line that matches all decides");
  }
  const auto names = blindbox::scan::internal::file_names(name);
  must(names.size() <= 16, "a name means no more than sixteen files");
  for (const std::string& one : names) must(!one.empty() && !one.starts_with("../"), "each of them can be asked for");
  return 0;
}
