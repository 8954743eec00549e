// SPDX-License-Identifier: Apache-2.0
// The configuration of an image (OCI image specification 1.1, "Image Configuration"; Docker's has the same members).
#include "blindbox/fetch/json.h"
#include "blindbox/image/manifest.h"

namespace blindbox::image {
namespace {

using base::fail;
using fetch::Json;

tl::unexpected<Error> bad(const std::string& why) {
  return fail(ErrorKind::malformed, "the configuration is not one of a container image: " + why);
}

// Absent and null are the same here: Go writes either.
const Json* member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Result<std::vector<std::string>> texts(const Json& object, const char* key) {
  std::vector<std::string> out;
  const Json* const list = member(object, key);
  if (list == nullptr) return out;
  if (!list->is_array()) return bad(std::string("\"") + key + "\" is no list");
  for (const Json& entry : *list) {
    if (!entry.is_string()) return bad(std::string("\"") + key + "\" has an entry that is no text");
    out.push_back(entry.get<std::string>());
    if (out.back().find('\0') != std::string::npos) return bad(std::string("\"") + key + "\" has a NUL");
  }
  return out;
}

// The keys of {"8080/tcp": {}}.
Result<std::vector<std::string>> keys(const Json& object, const char* key) {
  std::vector<std::string> out;
  const Json* const set = member(object, key);
  if (set == nullptr) return out;
  if (!set->is_object()) return bad(std::string("\"") + key + "\" is no object");
  for (const auto& [name, ignored] : set->items()) out.push_back(name);
  return out;
}

Result<void> read_execution(const Json& object, Config& out) {
  for (const auto& [key, into] : {std::pair{"Entrypoint", &out.entrypoint}, {"Cmd", &out.cmd}, {"Env", &out.env}}) {
    auto list = texts(object, key);
    if (!list) return base::pass_on(list);
    *into = std::move(*list);
  }
  for (const auto& [key, into] :
       {std::pair{"User", &out.user}, {"WorkingDir", &out.working_dir}, {"StopSignal", &out.stop_signal}}) {
    auto text = fetch::text_of(object, key);
    if (!text) return base::pass_on(text);
    *into = std::move(*text);
    if (into->find('\0') != std::string::npos) return bad(std::string("\"") + key + "\" has a NUL");
  }
  for (const auto& [key, into] : {std::pair{"ExposedPorts", &out.exposed_ports}, {"Volumes", &out.volumes}}) {
    auto names = keys(object, key);
    if (!names) return base::pass_on(names);
    *into = std::move(*names);
  }
  const Json* const labels = member(object, "Labels");
  if (labels == nullptr) return {};
  if (!labels->is_object()) return bad("\"Labels\" is no object");
  for (const auto& [key, value] : labels->items()) {
    if (!value.is_string()) return bad("the label \"" + fetch::shown(key) + "\" is no text");
    out.labels.emplace(key, value.get<std::string>());
  }
  return {};
}

Result<void> read_layers(const Json& object, Config& out) {
  const Json* const rootfs = member(object, "rootfs");
  if (rootfs == nullptr || !rootfs->is_object()) return bad("it does not list its layers (rootfs)");
  auto type = fetch::text_of(*rootfs, "type");
  if (!type) return base::pass_on(type);
  if (*type != "layers") return bad("its rootfs is of type \"" + fetch::shown(*type) + "\", not \"layers\"");
  auto list = texts(*rootfs, "diff_ids");
  if (!list) return base::pass_on(list);
  if (list->size() > kMostLayers) return fail(ErrorKind::limit, "the configuration lists more than 512 layers");
  for (const std::string& text : *list) {
    auto digest = Digest::parse(text);
    if (!digest) return base::pass_on(digest);
    out.diff_ids.push_back(std::move(*digest));
  }
  return {};
}

}  // namespace

Result<Config> parse_config(ByteView bytes) {
  auto parsed = fetch::parse_json(bytes, kConfigCap, "the configuration");
  if (!parsed) return base::pass_on(parsed);
  Config out;
  for (const auto& [key, into] : {std::pair{"os", &out.platform.os},
                                  {"architecture", &out.platform.architecture},
                                  {"variant", &out.platform.variant}}) {
    auto text = fetch::text_of(*parsed, key);
    if (!text) return base::pass_on(text);
    *into = std::move(*text);
  }
  if (out.platform.os.empty() || out.platform.architecture.empty()) return bad("it names no os and architecture");
  if (auto read = read_layers(*parsed, out); !read) return base::pass_on(read);
  const Json* const execution = member(*parsed, "config");
  if (execution == nullptr) return out;
  if (!execution->is_object()) return bad("\"config\" is no object");
  if (auto read = read_execution(*execution, out); !read) return base::pass_on(read);
  return out;
}

}  // namespace blindbox::image
