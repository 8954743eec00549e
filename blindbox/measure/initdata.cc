// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/initdata.h"

#include <algorithm>

namespace blindbox::measure {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

// The value of algorithm before the first table. Only what initdata's specification shows is read: a quoted word.
std::optional<std::string_view> algorithm_of(std::string_view document) {
  while (!document.empty()) {
    const std::size_t end = document.find('\n');
    std::string_view line = trim(document.substr(0, end));
    document.remove_prefix(end == std::string_view::npos ? document.size() : end + 1);
    if (line.starts_with('[')) return std::nullopt;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || trim(line.substr(0, equals)) != "algorithm") continue;
    line = trim(line.substr(equals + 1));
    if (line.size() < 2 || (line[0] != '"' && line[0] != '\'')) return std::nullopt;
    const std::size_t quote = line.find(line[0], 1);
    if (quote == std::string_view::npos) return std::nullopt;
    const std::string_view rest = trim(line.substr(quote + 1));
    if (!rest.empty() && rest[0] != '#') return std::nullopt;
    return line.substr(1, quote - 1);
  }
  return std::nullopt;
}

template <std::size_t N>
ByteArray<N> fitted(const Bytes& digest) {
  ByteArray<N> out{};
  std::copy_n(digest.begin(), std::min(N, digest.size()), out.begin());
  return out;
}

}  // namespace

Result<InitdataDigests> measure_initdata(ByteView document) {
  const auto algorithm = algorithm_of(base::as_text(document));
  InitdataDigests out;
  out.algorithm = std::string(algorithm.value_or(""));
  if (algorithm == "sha256") {
    out.digest = base::to_bytes(base::sha256(document));
  } else if (algorithm == "sha384") {
    out.digest = base::to_bytes(base::sha384(document));
  } else if (algorithm == "sha512") {
    out.digest = base::to_bytes(base::sha512(document));
  } else {
    return base::fail(ErrorKind::malformed, "the initdata document names no algorithm that is known",
                      algorithm ? "algorithm = \"" + out.algorithm + "\"" : "",
                      "it begins with algorithm = \"sha256\", \"sha384\" or \"sha512\"");
  }
  out.host_data = fitted<32>(out.digest);
  out.mr_config_id = fitted<48>(out.digest);
  if (algorithm == "sha256") {
    ByteArray<64> both{};
    std::copy(out.digest.begin(), out.digest.end(), both.begin() + 32);
    out.pcr8 = base::sha256(both);
  }
  return out;
}

}  // namespace blindbox::measure
