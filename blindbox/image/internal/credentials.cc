// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/credentials.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "blindbox/base/file.h"
#include "blindbox/fetch/json.h"
#include "blindbox/image/internal/process.h"
#include "blindbox/image/reference.h"

namespace blindbox::image::internal {

using fetch::Json;
using fetch::parse_json;
using fetch::shown;
using fetch::text_of;

namespace {

using base::fail;

constexpr std::size_t kFileCap = std::size_t{4} << 20;
constexpr std::size_t kAnswerCap = std::size_t{64} << 10;
constexpr std::chrono::seconds kHelperLimit{30};

std::vector<std::string> files() {
  const auto variable = [](const char* name) -> std::string {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  std::vector<std::string> out;
  const auto add = [&out](const std::string& folder, const std::string& below) {
    if (!folder.empty()) out.push_back(folder + below);
  };
  add(variable("REGISTRY_AUTH_FILE"), "");
  add(variable("DOCKER_CONFIG"), "/config.json");
  add(variable("XDG_RUNTIME_DIR"), "/containers/auth.json");
  add(variable("HOME"), "/.config/containers/auth.json");
  add(variable("HOME"), "/.docker/config.json");
  return out;
}

// "https://host/v1/" as "host".
std::string bare(std::string key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.erase(0, scheme.size());
  }
  while (key.ends_with('/')) key.pop_back();
  for (const std::string_view version : {"/v1", "/v2"}) {
    if (key.ends_with(version)) key.erase(key.size() - version.size());
  }
  return key;
}

// "host/a/b", "host/a", "host": the most specific one first.
std::vector<std::string> keys_of(const std::string& host, const std::string& repository) {
  std::vector<std::string> out;
  for (std::string key = host + "/" + repository;; key.erase(key.rfind('/'))) {
    out.push_back(key);
    if (key == host || key.find('/') == std::string::npos) break;
  }
  if (host == default_registry()) {
    out.push_back("index." + host);
    out.push_back(api_host(host));
  }
  return out;
}

// What docker calls the server when it talks to a helper.
std::string server_of(const std::string& host) {
  return host == default_registry() ? "https://index." + host + "/v1/" : host;
}

Result<Credentials> ask_helper(const std::string& name, const std::string& host) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  if (!plain) return fail(ErrorKind::malformed, "\"" + shown(name) + "\" is no credential helper");
  auto said = ask_program({"docker-credential-" + name, "get"}, server_of(host), kHelperLimit, kAnswerCap);
  if (!said) return base::pass_on(said);
  if (said->status != 0) {
    if (said->output.find("credentials not found") != std::string::npos) return Credentials{};
    return fail(ErrorKind::io, "docker-credential-" + name + " failed: " + shown(said->output));
  }
  auto parsed = parse_json(base::view(said->output), kAnswerCap, "the answer of docker-credential-" + name);
  if (!parsed) return base::pass_on(parsed);
  auto user = text_of(*parsed, "Username");
  auto secret = text_of(*parsed, "Secret");
  if (!user) return base::pass_on(user);
  if (!secret) return base::pass_on(secret);
  if (*user == "<token>") return Credentials{.identity_token = std::move(*secret)};
  return Credentials{std::move(*user), std::move(*secret), {}};
}

Result<Credentials> read_entry(const Json& entry) {
  if (!entry.is_object()) return fail(ErrorKind::malformed, "an entry of \"auths\" is no object");
  auto token = text_of(entry, "identitytoken");
  if (!token) return base::pass_on(token);
  if (!token->empty()) return Credentials{.identity_token = std::move(*token)};
  auto user = text_of(entry, "username");
  auto password = text_of(entry, "password");
  auto both = text_of(entry, "auth");
  if (!user || !password || !both)
    return fail(ErrorKind::malformed, "an entry of \"auths\" has no text where it should");
  if (both->empty()) return Credentials{std::move(*user), std::move(*password), {}};
  auto bytes = base::from_base64(*both);
  if (!bytes) return fail(ErrorKind::malformed, "an entry of \"auths\" is no base64");
  const std::string text(base::as_text(*bytes));
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return fail(ErrorKind::malformed, "an entry of \"auths\" has no colon");
  std::string secret = text.substr(colon + 1);
  while (secret.ends_with('\0')) secret.pop_back();
  return Credentials{text.substr(0, colon), std::move(secret), {}};
}

const Json* object_in(const Json& file, const char* key) {
  const auto found = file.find(key);
  return found == file.end() || !found->is_object() ? nullptr : &*found;
}

Result<Credentials> search(const Json& file, const std::string& host, const std::string& repository) {
  if (const Json* const helpers = object_in(file, "credHelpers")) {
    for (const auto& [key, name] : helpers->items()) {
      if (bare(key) == host && name.is_string()) return ask_helper(name.get<std::string>(), host);
    }
  }
  if (const Json* const auths = object_in(file, "auths")) {
    for (const std::string& wanted : keys_of(host, repository)) {
      for (const auto& [key, entry] : auths->items()) {
        if (bare(key) != wanted) continue;
        auto found = read_entry(entry);
        if (!found || !found->empty()) return found;
      }
    }
  }
  auto store = text_of(file, "credsStore");
  if (!store) return base::pass_on(store);
  return store->empty() ? Result<Credentials>(Credentials{}) : ask_helper(*store, host);
}

}  // namespace

Credentials find_credentials(const std::string& host, const std::string& repository,
                             const std::function<void(const std::string&)>& warn) {
  for (const std::string& path : files()) {
    if (std::error_code error; !std::filesystem::exists(path, error)) continue;
    const auto text = base::read_file(path, kFileCap);
    auto parsed = text ? parse_json(*text, kFileCap, path) : Result<Json>(tl::unexpected(text.error()));
    auto found = parsed ? search(*parsed, host, repository) : Result<Credentials>(base::pass_on(parsed));
    if (!found && warn) warn("the credentials in " + path + " cannot be used: " + found.error().what);
    if (found && !found->empty()) return std::move(*found);
  }
  return {};
}

}  // namespace blindbox::image::internal
