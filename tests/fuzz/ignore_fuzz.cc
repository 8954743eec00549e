// SPDX-License-Identifier: Apache-2.0
// Any text is a pattern file, any text a name, and the answer does not change. The first line is the name.
#include "blindbox/scan/ignore.h"
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
  return 0;
}
