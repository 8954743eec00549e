// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/user.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "blindbox/base/file.h"

namespace blindbox::sandbox {
namespace {

constexpr std::size_t kFileCap = std::size_t{1} << 20;
constexpr std::uint32_t kHighest = 0x7FFFFFFE;

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || at != end || value > kHighest) return std::nullopt;
  return value;
}

// The lines of a colon-separated file with at least that many fields; none where the image has no such file.
std::vector<std::vector<std::string>> table(const std::string& path, std::size_t fields) {
  std::vector<std::vector<std::string>> rows;
  const auto contents = base::read_file(path, kFileCap);
  if (!contents) return rows;
  for (const std::string& line : split(base::as_text(*contents), '\n')) {
    auto row = split(line, ':');
    if (row.size() >= fields) rows.push_back(std::move(row));
  }
  return rows;
}

tl::unexpected<Error> nobody(const std::string& what, const std::string& name, const std::string& file) {
  return base::fail(ErrorKind::usage, "the image has no " + what + " \"" + name + "\"", "looked in " + file,
                    "name a " + what + " of the image, or write its number");
}

}  // namespace

Result<User> resolve_user(const std::string& text, const std::string& root) {
  User user;
  const auto colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const std::string group = colon == std::string::npos ? "" : text.substr(colon + 1);
  const auto passwd = table(root + "/etc/passwd", 6);
  const auto groups = table(root + "/etc/group", 4);

  const auto uid = name.empty() ? std::optional<std::uint32_t>(0) : number(name);
  const auto entry = std::find_if(passwd.begin(), passwd.end(),
                                  [&](const auto& row) { return uid ? number(row[2]) == uid : row[0] == name; });
  if (entry == passwd.end() && !uid) return nobody("user", name, "/etc/passwd");
  if (entry != passwd.end()) {
    const auto its_uid = number((*entry)[2]), its_gid = number((*entry)[3]);
    if (!its_uid || !its_gid) return nobody("user", name, "/etc/passwd, whose line for it has no numbers");
    user.uid = *its_uid;
    user.gid = *its_gid;
    user.home = (*entry)[5].starts_with('/') ? (*entry)[5] : "/";
  } else {
    user.uid = *uid;
  }
  if (!group.empty()) {
    const auto gid = number(group);
    const auto line = std::find_if(groups.begin(), groups.end(), [&](const auto& row) { return row[0] == group; });
    const auto its_gid = gid ? gid : (line == groups.end() ? std::nullopt : number((*line)[2]));
    if (!its_gid) return nobody("group", group, "/etc/group");
    user.gid = *its_gid;
    return user;  // a group that is named stands alone
  }
  for (const auto& row : groups) {
    const auto members = split(row[3], ',');
    const auto gid = number(row[2]);
    if (entry == passwd.end() || !gid || *gid == user.gid || user.groups.size() == 64) continue;
    if (std::find(members.begin(), members.end(), (*entry)[0]) != members.end()) user.groups.push_back(*gid);
  }
  return user;
}

}  // namespace blindbox::sandbox
