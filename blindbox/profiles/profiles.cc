// SPDX-License-Identifier: Apache-2.0
#include "blindbox/profiles/profiles.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/base/home.h"
#include "blindbox/yaml/yaml.h"

namespace blindbox::profiles {
namespace {

namespace fs = std::filesystem;

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

bool plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
}

Profile read_profile(const std::string& name, const yaml::Node& node, std::string_view folder) {
  yaml::Map map(node);
  Profile out;
  out.name = name;
  out.url = map.need("url").text();
  out.policy = map.need("policy").text();
  if (out.policy.empty()) node.refuse("the policy is missing");
  if (!out.policy.starts_with('/')) out.policy = (fs::path(folder) / out.policy).lexically_normal().string();
  if (const auto offline = map.find("offline")) out.offline = offline->boolean();
  if (const auto url = map.find("kds_url")) out.kds_url = url->text();
  if (const auto cache = map.find("cache_dir")) out.cache_dir = cache->text();
  map.finish();
  return out;
}

}  // namespace

const Profile* Profiles::find(std::string_view name) const {
  const auto at = std::ranges::find(servers, name, &Profile::name);
  return at == servers.end() ? nullptr : &*at;
}

void Profiles::put(Profile profile) {
  if (preferred.empty()) preferred = profile.name;
  const auto at = std::ranges::find(servers, profile.name, &Profile::name);
  if (at == servers.end()) {
    servers.push_back(std::move(profile));
  } else {
    *at = std::move(profile);
  }
}

bool is_name(std::string_view name) {
  constexpr std::size_t kLongest = 32;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= kLongest && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || c == '-' || c == '_'; });
}

Result<Profiles> parse(std::string_view text, std::string_view name, std::string_view folder) {
  auto tree = yaml::load(text, name, ErrorKind::usage);
  if (!tree) return base::pass_on(tree);
  yaml::Problems problems{std::string(name), {}, {}};
  Profiles out;
  yaml::Map root(yaml::Node(*tree, problems));
  if (const auto preferred = root.find("default")) out.preferred = preferred->text();
  const yaml::Node servers = root.need("servers");
  // Its keys are names of the user's own: each is looked up once, so that a key that stands twice is noted.
  for (std::size_t i = 0; tree->kind == yaml::Tree::Kind::map && i + 1 < tree->children.size(); i += 2) {
    if (tree->children[i].text != "servers") continue;
    const yaml::Tree& list = tree->children[i + 1];
    yaml::Map map(servers);
    for (std::size_t j = 0; list.kind == yaml::Tree::Kind::map && j + 1 < list.children.size(); j += 2) {
      const std::string& key = list.children[j].text;
      if (!is_name(key)) yaml::Node(list.children[j], problems).refuse("a name has 1 to 32 of a-z, 0-9, - and _");
      if (const auto found = map.find(key)) out.servers.push_back(read_profile(key, *found, folder));
    }
    map.finish();
  }
  root.finish();
  if (out.preferred.empty() && !out.servers.empty()) out.preferred = out.servers.front().name;
  const std::string& problem = problems.first.empty() ? problems.missing : problems.first;
  if (!problem.empty()) return base::fail(ErrorKind::usage, problem);
  if (!out.preferred.empty() && out.find(out.preferred) == nullptr) {
    return base::fail(ErrorKind::usage, std::string(name) + ": the default is none of the servers: " + out.preferred);
  }
  return out;
}

std::string write(const Profiles& profiles, std::string_view folder) {
  std::string out = "# The servers that \"blindbox connect\" knows by name; see blindbox(1).\n";
  if (!profiles.preferred.empty()) out += "default: " + in_quotes(profiles.preferred) + "\n";
  out += profiles.servers.empty() ? "servers: {}\n" : "servers:\n";
  for (const Profile& one : profiles.servers) {
    const std::string prefix = std::string(folder) + "/";
    const bool below = one.policy.starts_with(prefix);
    out += "  " + one.name + ":\n    url: " + in_quotes(one.url) + "\n    policy: " +
           in_quotes(below ? std::string_view(one.policy).substr(prefix.size()) : std::string_view(one.policy)) + "\n";
    if (one.offline) out += "    offline: true\n";
    if (!one.kds_url.empty()) out += "    kds_url: " + in_quotes(one.kds_url) + "\n";
    if (one.cache_dir) out += "    cache_dir: " + in_quotes(*one.cache_dir) + "\n";
  }
  return out;
}

Result<Profiles> load(const std::string& folder) {
  const std::string path = folder + "/" + kFile;
  std::error_code error;
  if (!fs::exists(path, error) && !error) return Profiles{};
  auto text = base::read_file(path, kCap);
  if (!text) return base::pass_on(text);
  return parse(base::as_text(*text), path, folder);
}

Result<void> save(const Profiles& profiles, const std::string& folder) {
  for (const Profile& one : profiles.servers) {
    if (!plain(one.url) || !plain(one.policy) || !plain(one.kds_url)) {
      return base::fail(ErrorKind::usage, "control characters cannot be saved in " + std::string(kFile));
    }
  }
  std::error_code error;
  fs::create_directories(fs::path(folder).parent_path(), error);
  constexpr mode_t kMine = 0700;
  if (::mkdir(folder.c_str(), kMine) != 0 && errno != EEXIST) {
    return base::fail(ErrorKind::io, "cannot make " + folder + ": " + std::strerror(errno));
  }
  constexpr unsigned kOwn = 0600;
  return base::write_file(folder + "/" + kFile, base::view(write(profiles, folder)), kOwn);
}

std::string default_folder() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config == '/') return std::string(config) + "/blindbox";
  return base::home_folder() + "/.config/blindbox";
}

}  // namespace blindbox::profiles
