// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/hub.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "blindbox/base/file.h"
#include "blindbox/fetch/json.h"
#include "blindbox/model/checkpoint.h"

namespace blindbox::model {
namespace {

using base::fail;
using fetch::Json;

constexpr std::size_t kListingCap = std::size_t{32} << 20;
constexpr std::uint64_t kSmallCap = std::uint64_t{128} << 20;
constexpr std::uint64_t kLargeCap = std::uint64_t{1} << 40;
constexpr std::size_t kMaxFiles = 100000;
constexpr std::string_view kSingle = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";
// What an import reads beside the weights.
constexpr std::array<std::string_view, 10> kBeside = {
    "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json",  "merges.txt",     "tokenizer.model",       "chat_template.jinja",     "chat_template.json"};

bool is_hex(std::string_view text, std::size_t length) {
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_plain_part(std::string_view part) {
  const bool sound = !part.empty() && part.size() <= 96 && part != "." && part != "..";
  return sound && std::all_of(part.begin(), part.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

// In the repository's first folder, and no name that a file system or a terminal takes for something else.
bool is_plain_file(std::string_view path) {
  return !path.empty() && path.size() <= 255 && path.front() != '.' &&
         std::none_of(path.begin(), path.end(),
                      [](char c) { return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// "\"abc\"", and weak ones.
std::string unquoted(std::string tag) {
  if (tag.starts_with("W/")) tag.erase(0, 2);
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') tag = tag.substr(1, tag.size() - 2);
  return tag;
}

const HubFile* find(const HubListing& listing, std::string_view path) {
  const auto found = std::find_if(listing.files.begin(), listing.files.end(),
                                  [path](const HubFile& file) { return file.path == path; });
  return found == listing.files.end() ? nullptr : &*found;
}

class Repository {
 public:
  Repository(const Hub& hub, fetch::Url endpoint, HubReference reference)
      : hub_(hub), endpoint_(endpoint), reference_(std::move(reference)), web_(std::move(endpoint), hub.reach) {}

  Result<HubListing> list() {
    fetch::WebRequest request = ask_for("/api/models/" + reference_.repository + "/revision/" +
                                        fetch::percent_encode(reference_.revision) + "?blobs=true");
    request.cap = kListingCap;
    auto answer = web_.ask(request);
    if (!answer) return base::pass_on(answer);
    if (answer->status != 200) return tl::unexpected(failure(*answer));
    return read_listing(base::view(answer->body));
  }

  Result<SourceFile> fetch_file(const HubListing& listing, HubFile file, const std::string& folder,
                                const DownloadProgress& progress, const std::stop_token& stop) {
    if (file.sha256.empty() && file.git_sha1.empty()) {
      if (auto told = ask_digest(listing, file); !told) return base::pass_on(told);
    }
    const bool large = file.path.ends_with(".safetensors") || file.path.ends_with(".gguf");
    const std::uint64_t cap = large ? kLargeCap : kSmallCap;
    if (file.bytes > cap)
      return fail(ErrorKind::limit, file.path + " is larger than " + std::to_string(cap) + " bytes");
    const Wanted wanted{file.path, url_of(listing, file), hub_.token, file.bytes, cap, file.sha256, file.git_sha1};
    return download(web_, wanted, folder + "/" + file.path, progress, stop);
  }

 private:
  fetch::WebRequest ask_for(const std::string& target) const {
    fetch::WebRequest request;
    request.url = endpoint_;
    const std::string root = endpoint_.target == "/" ? "" : endpoint_.target;
    request.url.target = root + target;
    request.follow = true;
    if (!hub_.token.empty()) request.authorization = "Bearer " + hub_.token;
    return request;
  }

  fetch::Url url_of(const HubListing& listing, const HubFile& file) const {
    return ask_for("/" + reference_.repository + "/resolve/" + listing.commit + "/" + fetch::percent_encode(file.path))
        .url;
  }

  // A hub that lists names alone tells the digest where it redirects: X-Linked-Etag, or the ETag of what it keeps.
  Result<void> ask_digest(const HubListing& listing, HubFile& file) {
    fetch::WebRequest request;
    request.method = "HEAD";
    request.url = url_of(listing, file);
    if (!hub_.token.empty()) request.authorization = "Bearer " + hub_.token;
    auto answer = web_.ask(request);
    if (!answer) return base::pass_on(answer);
    if (answer->status >= 400) return tl::unexpected(failure(*answer));
    std::string tag = unquoted(answer->field("x-linked-etag"));
    if (tag.empty()) tag = unquoted(answer->field("etag"));
    if (is_hex(tag, 64)) file.sha256 = tag;
    if (is_hex(tag, 40)) file.git_sha1 = tag;
    if (file.sha256.empty() && file.git_sha1.empty()) {
      return fail(ErrorKind::protocol, "the hub tells no digest of " + file.path,
                  "neither in its listing nor as an ETag");
    }
    return {};
  }

  [[nodiscard]] Error failure(const fetch::WebAnswer& answer) const {
    const std::string name = reference_.repository + "@" + reference_.revision;
    if (answer.status == 401 || answer.status == 403) {
      return {ErrorKind::forbidden, "the hub does not hand out " + name, fetch::explain(answer),
              "check the name; for a private or gated model set HF_TOKEN and accept its terms"};
    }
    if (answer.status == 404) {
      return {ErrorKind::network, "the hub has no " + name, fetch::explain(answer), "check the name and the revision"};
    }
    return {ErrorKind::network, "cannot ask the hub for " + name, fetch::explain(answer), ""};
  }

  const Hub& hub_;
  fetch::Url endpoint_;
  HubReference reference_;
  fetch::Web web_;
};

Result<const HubFile*> choose_gguf(const HubListing& listing, const std::string& wanted) {
  std::string names;
  const HubFile* only = nullptr;
  for (const HubFile& file : listing.files) {
    if (!file.path.ends_with(".gguf")) continue;
    if (file.path == wanted) return &file;
    names += (names.empty() ? "" : ", ") + file.path;
    only = only == nullptr && names == file.path ? &file : nullptr;
  }
  if (wanted.empty() && only != nullptr) return only;
  if (!names.empty()) {
    return fail(ErrorKind::usage,
                wanted.empty() ? "the repository has several GGUF files" : "the repository has no " + wanted,
                "it has " + fetch::shown(names), "choose one with --file");
  }
  const bool pickle = std::any_of(listing.files.begin(), listing.files.end(), [](const HubFile& file) {
    return file.path.ends_with(".bin") || file.path.ends_with(".pt");
  });
  return fail(ErrorKind::model, "the repository has neither safetensors nor GGUF files",
              pickle ? "its weights are pickles, which run code when they are read" : "",
              pickle ? "look for a revision with safetensors (often refs/pr/1)" : "");
}

// The names of the weights' files; the index, where there is one, is fetched first.
Result<std::set<std::string>> weight_files(const HubListing& listing, const std::string& folder) {
  if (find(listing, kIndex) == nullptr) return std::set<std::string>{std::string(kSingle)};
  auto text = base::read_file(folder + "/" + std::string(kIndex), kSmallCap);
  if (!text) return base::pass_on(text);
  auto map = read_weight_map(*text);
  if (!map) return base::pass_on(map);
  std::set<std::string> out;
  for (const auto& [tensor, file] : *map) out.insert(file);
  return out;
}

}  // namespace

Hub hub_of_environment() {
  Hub out;
  if (std::string endpoint = environment("HF_ENDPOINT"); !endpoint.empty()) {
    while (endpoint.ends_with('/')) endpoint.pop_back();
    out.endpoint = std::move(endpoint);
  }
  out.token = environment("HF_TOKEN");
  return out;
}

Result<HubReference> parse_hub_reference(const std::string& text) {
  HubReference out;
  const std::size_t at = text.find('@');
  out.repository = text.substr(0, at);
  if (at != std::string::npos) out.revision = text.substr(at + 1);
  const std::size_t slash = out.repository.find('/');
  const bool named = slash == std::string::npos ? is_plain_part(out.repository)
                                                : is_plain_part(std::string_view(out.repository).substr(0, slash)) &&
                                                      is_plain_part(std::string_view(out.repository).substr(slash + 1));
  const bool revised =
      !out.revision.empty() && out.revision.size() <= 200 &&
      std::all_of(out.revision.begin(), out.revision.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (named && revised) return out;
  return fail(ErrorKind::usage, "not the name of a repository: \"" + fetch::shown(text) + "\"", "",
              "write OWNER/NAME or OWNER/NAME@REVISION");
}

Result<HubListing> read_listing(ByteView text) {
  const auto bad = [](const std::string& why) { return fail(ErrorKind::malformed, "the hub's list of files " + why); };
  auto json = fetch::parse_json(text, kListingCap, "the hub's list of files");
  if (!json) return base::pass_on(json);
  HubListing out;
  auto commit = fetch::text_of(*json, "sha");
  if (!commit || !is_hex(*commit, 40)) return bad("names no commit");
  out.commit = std::move(*commit);
  const auto siblings = json->find("siblings");
  if (siblings == json->end() || !siblings->is_array()) return bad("names no files");
  if (siblings->size() > kMaxFiles) return fail(ErrorKind::limit, "the repository has more than 100000 files");
  for (const Json& entry : *siblings) {
    if (!entry.is_object()) return bad("is not understood");
    auto path = fetch::text_of(entry, "rfilename");
    if (!path) return base::pass_on(path);
    if (!is_plain_file(*path)) continue;
    HubFile file{.path = std::move(*path), .bytes = 0, .sha256 = {}, .git_sha1 = {}};
    if (const auto size = entry.find("size"); size != entry.end() && size->is_number_unsigned()) file.bytes = *size;
    const auto lfs = entry.find("lfs");
    if (lfs != entry.end() && lfs->is_object()) {
      auto digest = fetch::text_of(*lfs, "sha256");
      if (!digest || !is_hex(*digest, 64)) return bad("holds a digest that is none");
      file.sha256 = std::move(*digest);
    } else if (auto blob = fetch::text_of(entry, "blobId"); blob && is_hex(*blob, 40)) {
      file.git_sha1 = std::move(*blob);
    }
    out.files.push_back(std::move(file));
  }
  return out;
}

Result<Pulled> pull(const Hub& hub, const HubReference& reference, const std::string& file, const std::string& folder,
                    const DownloadProgress& progress, const std::stop_token& stop) {
  auto endpoint = fetch::parse_web_url(hub.endpoint);
  if (!endpoint) {
    return fail(ErrorKind::usage, "HF_ENDPOINT is no address of a hub: \"" + fetch::shown(hub.endpoint) + "\"");
  }
  Repository repository(hub, *endpoint, reference);
  auto listing = repository.list();
  if (!listing) return base::pass_on(listing);
  Pulled out{.commit = listing->commit, .gguf = {}, .files = {}};
  const auto get = [&](const HubFile& one) -> Result<void> {
    auto fetched = repository.fetch_file(*listing, one, folder, progress, stop);
    if (!fetched) return base::pass_on(fetched);
    out.files.push_back(std::move(*fetched));
    return {};
  };
  const HubFile* const index = find(*listing, kIndex);
  if (!file.empty() || (index == nullptr && find(*listing, kSingle) == nullptr)) {
    auto gguf = choose_gguf(*listing, file);
    if (!gguf) return base::pass_on(gguf);
    out.gguf = (*gguf)->path;
    if (auto done = get(**gguf); !done) return base::pass_on(done);
    return out;
  }
  for (const std::string_view name : kBeside) {
    const HubFile* const one = find(*listing, name);
    if (one == nullptr) continue;
    if (auto done = get(*one); !done) return base::pass_on(done);
  }
  if (index != nullptr) {
    if (auto done = get(*index); !done) return base::pass_on(done);
  }
  auto weights = weight_files(*listing, folder);
  if (!weights) return base::pass_on(weights);
  for (const std::string& name : *weights) {
    const HubFile* const one = find(*listing, name);
    if (one == nullptr) return fail(ErrorKind::malformed, "the repository lacks a file that its index names", name);
    if (auto done = get(*one); !done) return base::pass_on(done);
  }
  return out;
}

Result<SourceFile> pull_url(const std::string& url, const std::string& sha256, const std::string& target,
                            const fetch::Reach& reach, const DownloadProgress& progress, const std::stop_token& stop) {
  auto parsed = fetch::parse_web_url(url);
  if (!parsed) return fail(ErrorKind::usage, parsed.error().what);
  fetch::Web web(*parsed, reach);
  const Wanted wanted{fetch::shown(url), *parsed, "", 0, kLargeCap, sha256, ""};
  return download(web, wanted, target, progress, stop);
}

}  // namespace blindbox::model
