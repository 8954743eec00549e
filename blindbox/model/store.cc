// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/store.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/fetch/json.h"

namespace blindbox::model {
namespace {

using base::fail;
using fetch::Json;

constexpr std::size_t kManifestCap = std::size_t{4} << 20;
constexpr std::size_t kLongestName = 100;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Result<std::uint64_t> number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) {
    return fail(ErrorKind::malformed, std::string("the manifest has no number \"") + key + "\"");
  }
  return found->get<std::uint64_t>();
}

}  // namespace

Result<void> check_name(const std::string& name) {
  const bool sound = !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), is_plain) &&
                     name.front() != '.' && name.front() != '-' && name.front() != '_';
  if (sound) return {};
  return fail(ErrorKind::usage, "not a name for a model: \"" + fetch::shown(name) + "\"", "",
              "use letters, digits, \".\", \"_\" and \"-\", beginning with a letter or a digit");
}

Result<void> make_private_folder(const std::string& path) {
  std::error_code error;
  const bool fresh = std::filesystem::create_directories(path, error);
  if (error) return fail(ErrorKind::io, "cannot make the folder " + path + ": " + error.message());
  if (fresh) std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  return {};
}

Result<Store> Store::of_user() {
  if (const std::string own = environment("BLINDBOX_MODELS"); !own.empty()) return Store(own);
  // A relative path there counts as none (XDG Base Directory Specification).
  if (const std::string data = environment("XDG_DATA_HOME"); data.starts_with('/'))
    return Store(data + "/blindbox/models");
  if (const std::string home = environment("HOME"); !home.empty()) return Store(home + "/.local/share/blindbox/models");
  return fail(ErrorKind::usage, "nothing says where models are kept", "neither XDG_DATA_HOME nor HOME is set",
              "set BLINDBOX_MODELS to a folder");
}

std::string write_manifest(const Manifest& manifest) {
  Json sources = Json::array();
  for (const SourceFile& file : manifest.sources) {
    sources.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  const Json out = {{"version", 1},
                    {"name", manifest.name},
                    {"sha256", manifest.sha256},
                    {"bytes", manifest.bytes},
                    {"architecture", manifest.architecture},
                    {"type", manifest.type},
                    {"parameters", manifest.parameters},
                    {"origin", manifest.origin},
                    {"revision", manifest.revision},
                    {"created", manifest.created},
                    {"sources", sources}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> read_manifest(ByteView text) {
  auto json = fetch::parse_json(text, kManifestCap, "the manifest");
  if (!json) return base::pass_on(json);
  if (json->value("version", Json()) != 1) return fail(ErrorKind::malformed, "the manifest is not of version 1");
  Manifest out;
  for (const auto& [key, member] :
       {std::pair{"name", &Manifest::name}, std::pair{"sha256", &Manifest::sha256},
        std::pair{"architecture", &Manifest::architecture}, std::pair{"type", &Manifest::type},
        std::pair{"origin", &Manifest::origin}, std::pair{"revision", &Manifest::revision},
        std::pair{"created", &Manifest::created}}) {
    auto value = fetch::text_of(*json, key);
    if (!value) return base::pass_on(value);
    out.*member = std::move(*value);
  }
  auto bytes = number_at(*json, "bytes"), parameters = number_at(*json, "parameters");
  if (!bytes || !parameters) return base::pass_on(bytes ? parameters : bytes);
  out.bytes = *bytes;
  out.parameters = *parameters;
  if (!is_digest(out.sha256)) return fail(ErrorKind::malformed, "the manifest holds no SHA-256 digest");
  const auto sources = json->find("sources");
  if (sources == json->end() || !sources->is_array()) return out;
  for (const Json& entry : *sources) {
    if (!entry.is_object()) return fail(ErrorKind::malformed, "the manifest's sources are no objects");
    auto path = fetch::text_of(entry, "path"), sha256 = fetch::text_of(entry, "sha256");
    auto size = number_at(entry, "bytes");
    if (!path || !sha256 || !size) return fail(ErrorKind::malformed, "the manifest's sources are not understood");
    out.sources.push_back({std::move(*path), *size, std::move(*sha256)});
  }
  return out;
}

Result<Manifest> Store::find(const std::string& name) const {
  if (auto sound = check_name(name); !sound) return base::pass_on(sound);
  std::error_code ignored;
  if (!std::filesystem::exists(manifest_of(name), ignored)) {
    return fail(ErrorKind::model, "there is no model named " + name, "looked in " + folder_,
                "\"blindbox model list\" shows those that there are");
  }
  auto text = base::read_file(manifest_of(name), kManifestCap);
  if (!text) return base::pass_on(text);
  auto manifest = read_manifest(*text);
  if (manifest && manifest->name != name) {
    return fail(ErrorKind::malformed, "the manifest is of another model", manifest_of(name));
  }
  if (!manifest) manifest.error().detail = manifest_of(name);
  return manifest;
}

std::vector<Manifest> Store::list() const {
  std::vector<Manifest> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (!check_name(name)) continue;
    if (auto found = find(name)) out.push_back(std::move(*found));
  }
  std::sort(out.begin(), out.end(), [](const Manifest& a, const Manifest& b) { return a.name < b.name; });
  return out;
}

Result<void> Store::prepare(const std::string& name, bool replace) const {
  if (auto sound = check_name(name); !sound) return sound;
  std::error_code error;
  if (!replace && std::filesystem::exists(manifest_of(name), error)) {
    return fail(ErrorKind::usage, "there is a model named " + name + " already", "in " + folder_,
                "choose another with --name, or give --replace");
  }
  return make_private_folder(folder_ + "/" + name);
}

Result<void> Store::put(const Manifest& manifest, const std::string& file) const {
  if (auto sound = check_name(manifest.name); !sound) return sound;
  // A manifest never stands beside a file that is not its own.
  std::error_code error;
  if (std::filesystem::is_regular_file(file, error)) std::filesystem::remove(manifest_of(manifest.name), error);
  if (!error) std::filesystem::rename(file, file_of(manifest.name), error);
  if (error) return fail(ErrorKind::io, "cannot keep the model " + manifest.name + ": " + error.message());
  return base::write_file(manifest_of(manifest.name), base::view(write_manifest(manifest)));
}

}  // namespace blindbox::model
