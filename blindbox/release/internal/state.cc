// SPDX-License-Identifier: Apache-2.0
#include "blindbox/release/internal/state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/base/json_watch.h"
#include "blindbox/release/internal/object.h"

namespace blindbox::release::internal {
namespace {

using base::fail;

constexpr std::string_view kSchema = "blindbox/release-state/v1";
constexpr std::size_t kStateCap = std::size_t{4} << 20;
constexpr int kMaxDepth = 8;

tl::unexpected<Error> unreadable(const std::string& path, const std::string& why) {
  return fail(ErrorKind::io, path + " is not as it was written: " + why, "it remembers which releases were seen",
              "removing it ends the protection against older releases until new ones were seen");
}

}  // namespace

std::string encode(const State& state) {
  json applications = json::object();
  for (const auto& [name, epochs] : state.applications) {
    applications[name] = {{"highest_epoch", epochs.highest}, {"minimum_epoch", epochs.minimum}};
  }
  return canonical(
      {{"applications", std::move(applications)}, {"root", write_document(state.root)}, {"schema", kSchema}});
}

Result<State> decode_state(std::string_view text, const std::string& path) {
  base::JsonWatch watch(kMaxDepth);
  const json body = json::parse(text, std::ref(watch), false);
  Object reader(body);
  std::string schema;
  std::string root;
  reader.text("schema", schema);
  reader.text("root", root);
  if (!reader.problem().empty() || schema != kSchema) return unreadable(path, "its schema is another");
  auto document = read_document(root, path);
  if (!document) return unreadable(path, document.error().what);
  State out{.root = *std::move(document)};
  if (!reader.member("applications").is_object()) return unreadable(path, "it has no applications");
  for (const auto& [name, value] : reader.member("applications").items()) {
    Object inner(value);
    Epochs& epochs = out.applications[name];
    inner.number("highest_epoch", epochs.highest);
    inner.number("minimum_epoch", epochs.minimum);
    if (!inner.problem().empty()) return unreadable(path, inner.problem());
  }
  if (encode(out) != text) return unreadable(path, "it has other members");
  return out;
}

Result<StateFile> StateFile::lock(const std::string& folder, const std::string& id) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorKind::io, "cannot make the folder " + folder + ": " + error.message());
  const std::string path = folder + "/" + id + ".json";
  base::Fd lock(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  int locked = -1;
  while (lock && (locked = ::flock(lock.get(), LOCK_EX)) != 0 && errno == EINTR) {
  }
  if (locked != 0) return fail(ErrorKind::io, "cannot lock " + path + ": " + std::strerror(errno));
  return StateFile(path, std::move(lock));
}

Result<std::optional<State>> StateFile::read() const {
  // Only "it is not there" may mean a first time: anything else that keeps it from being read is an error.
  struct stat info {};
  if (::lstat(path_.c_str(), &info) != 0 && errno == ENOENT) return std::nullopt;
  auto text = base::read_file(path_, kStateCap);
  if (!text) return base::pass_on(text);
  auto state = decode_state(base::as_text(*text), path_);
  if (!state) return base::pass_on(state);
  return std::optional(*std::move(state));
}

Result<void> StateFile::write(const State& state) const {
  return base::write_file(path_, base::view(encode(state)), 0600);
}

}  // namespace blindbox::release::internal
