// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/download.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "blindbox/base/digest.h"
#include "blindbox/base/fd.h"
#include "blindbox/base/openssl.h"
#include "blindbox/fetch/json.h"

namespace blindbox::model {
namespace {

using base::fail;

constexpr unsigned kOk = 200, kPartial = 206, kBadRange = 416;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "bytes 100-199/200" begins at 100.
std::optional<std::uint64_t> range_begin(std::string_view field) {
  if (!field.starts_with("bytes ")) return std::nullopt;
  field.remove_prefix(6);
  return number(field.substr(0, field.find('-')));
}

struct Digests {
  std::string sha256, git_sha1;
  std::uint64_t bytes = 0;
};

// Of a file from its beginning. Git's blob: "blob ", the size in digits, a zero byte, the contents.
Result<Digests> digests_of(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return fail(ErrorKind::io, "cannot read " + path + ": " + std::strerror(errno));
  Digests out;
  out.bytes = static_cast<std::uint64_t>(info.st_size);
  const openssl::DigestContext sha256(EVP_MD_CTX_new()), sha1(EVP_MD_CTX_new());
  if (!sha256 || !sha1 || EVP_DigestInit_ex(sha256.get(), EVP_sha256(), nullptr) != 1) std::abort();
  const std::string head = "blob " + std::to_string(out.bytes) + std::string(1, '\0');
  // What Git calls a file, not what we trust: there SHA-1 is the hub's own check.
  const bool git = EVP_DigestInit_ex(sha1.get(), EVP_sha1(), nullptr) == 1 &&
                   EVP_DigestUpdate(sha1.get(), head.data(), head.size()) == 1;
  Bytes piece(std::size_t{1} << 20);
  for (std::uint64_t at = 0; at < out.bytes;) {
    const ssize_t got = ::pread(fd, piece.data(), piece.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(ErrorKind::io, "cannot read " + path);
    const auto size = static_cast<std::size_t>(got);
    if (EVP_DigestUpdate(sha256.get(), piece.data(), size) != 1) std::abort();
    if (git) (void)EVP_DigestUpdate(sha1.get(), piece.data(), size);
    at += size;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_DigestFinal_ex(sha256.get(), digest.data(), &length) != 1) std::abort();
  out.sha256 = base::to_hex(std::as_bytes(std::span(digest).first(length)));
  if (git && EVP_DigestFinal_ex(sha1.get(), digest.data(), &length) == 1) {
    out.git_sha1 = base::to_hex(std::as_bytes(std::span(digest).first(length)));
  }
  return out;
}

Result<void> check(const Wanted& wanted, const Digests& found) {
  const bool sized = wanted.bytes == 0 || wanted.bytes == found.bytes;
  const bool same = wanted.sha256.empty() ? found.git_sha1 == wanted.git_sha1 : found.sha256 == wanted.sha256;
  if (sized && same && !(wanted.sha256.empty() && wanted.git_sha1.empty())) return {};
  const bool by_sha256 = !wanted.sha256.empty();
  return fail(ErrorKind::malformed, wanted.path + " is not what was announced",
              std::to_string(found.bytes) + " bytes with " +
                  (by_sha256 ? "sha256 " + found.sha256 : "git sha1 " + found.git_sha1) + ", expected " +
                  (wanted.bytes == 0 ? "" : std::to_string(wanted.bytes) + " bytes with ") +
                  (by_sha256 ? wanted.sha256 : wanted.git_sha1));
}

class Part {
 public:
  static Result<Part> open(const std::string& path) {
    Part out;
    out.path_ = path;
    out.fd_ = base::Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    struct stat info {};
    if (!out.fd_ || ::fstat(out.fd_.get(), &info) != 0) return out.failed("cannot write");
    if (!S_ISREG(info.st_mode)) return fail(ErrorKind::io, path + " is not a regular file");
    if (::flock(out.fd_.get(), LOCK_EX | LOCK_NB) != 0) {
      return fail(ErrorKind::io, "somebody else is fetching " + path, "", "wait for it to end");
    }
    out.size_ = static_cast<std::uint64_t>(info.st_size);
    return out;
  }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

  Result<void> restart() {
    if (::ftruncate(fd_.get(), 0) != 0) return failed("cannot write");
    size_ = 0;
    return {};
  }
  Result<void> add(ByteView bytes) {
    while (!bytes.empty()) {
      const ssize_t done = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return failed("cannot write");
      size_ += static_cast<std::uint64_t>(done);
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
    return {};
  }
  Result<void> name(const std::string& target) {
    if (::fsync(fd_.get()) != 0 || std::rename(path_.c_str(), target.c_str()) != 0) return failed("cannot write");
    return {};
  }
  void discard() { ::unlink(path_.c_str()); }

 private:
  [[nodiscard]] tl::unexpected<Error> failed(const char* what) const {
    return fail(ErrorKind::io, std::string(what) + " " + path_ + ": " + std::strerror(errno));
  }
  base::Fd fd_;
  std::string path_;
  std::uint64_t size_ = 0;
};

// One attempt at what is missing.
Result<fetch::WebAnswer> attempt(fetch::Web& web, const Wanted& wanted, Part& part, const DownloadProgress& progress,
                                 const std::stop_token& stop) {
  std::optional<Error> wrong;
  const auto refuse = [&wrong](ErrorKind kind, const std::string& what) {
    wrong = Error{kind, what, "", ""};
    return false;
  };
  const auto keep = [&wrong](const Result<void>& done) {
    if (!done) wrong = done.error();
    return done.has_value();
  };
  fetch::WebRequest request;
  request.url = wanted.url;
  request.follow = true;
  if (!wanted.token.empty()) request.authorization = "Bearer " + wanted.token;
  if (part.size() > 0) request.fields.emplace_back("Range", "bytes=" + std::to_string(part.size()) + "-");
  std::uint64_t total = wanted.bytes;
  request.on_head = [&](const http::ResponseHead& head) {
    if (head.status == kPartial) {
      const auto begin = range_begin(http::find_field(head.fields, "content-range").value_or(""));
      return begin == part.size() ||
             refuse(ErrorKind::protocol, "the server answers with another part than was asked for");
    }
    if (part.size() > 0 && !keep(part.restart())) return false;
    const auto length = number(http::find_field(head.fields, "content-length").value_or(""));
    if (total == 0 && length) total = *length;
    return wanted.bytes == 0 || !length || *length == wanted.bytes ||
           refuse(ErrorKind::malformed, wanted.path + " has " + std::to_string(*length) + " bytes, announced were " +
                                            std::to_string(wanted.bytes));
  };
  request.on_piece = [&](ByteView piece) {
    if (stop.stop_requested()) return refuse(ErrorKind::cancelled, "the download was interrupted; it can be continued");
    if (part.size() + piece.size() > (wanted.bytes == 0 ? wanted.cap : wanted.bytes)) {
      return refuse(ErrorKind::malformed, wanted.path + " has more bytes than were announced");
    }
    if (!keep(part.add(piece))) return false;
    if (progress) progress(wanted.path, part.size(), total);
    return true;
  };
  auto answer = web.ask_once(std::move(request));
  if (wrong) return tl::unexpected(std::move(*wrong));
  return answer;
}

Error failure(const Wanted& wanted, const fetch::WebAnswer& answer) {
  Error out{ErrorKind::network, "cannot fetch " + wanted.path, fetch::explain(answer), ""};
  if (answer.status == 401 || answer.status == 403) {
    out.kind = ErrorKind::forbidden;
    out.hint = "set HF_TOKEN to a token that may read it, and accept the model's terms where it has some";
  }
  return out;
}

// Until all of it is there, in as many attempts as it takes while each brings something.
Result<void> fetch_all(fetch::Web& web, const Wanted& wanted, Part& part, const DownloadProgress& progress,
                       const std::stop_token& stop) {
  fetch::Web::Attempts attempts;
  while (wanted.bytes == 0 || part.size() < wanted.bytes) {
    const std::uint64_t before = part.size();
    auto answer = attempt(web, wanted, part, progress, stop);
    if (!answer && answer.error().kind != ErrorKind::network) {
      if (answer.error().kind == ErrorKind::malformed) part.discard();
      return base::pass_on(answer);
    }
    if (answer && (answer->status == kOk || answer->status == kPartial)) return {};
    if (part.size() > before) attempts.brought(part.size() - before);
    if (answer && answer->status == kBadRange && before > 0) {
      if (auto again = part.restart(); !again) return again;
    }
    if (web.pause(answer, attempts) || (answer && answer->status == kBadRange && before > 0)) continue;
    if (!answer) return base::pass_on(answer);
    return tl::unexpected(failure(wanted, *answer));
  }
  return {};
}

}  // namespace

Result<SourceFile> download(fetch::Web& web, const Wanted& wanted, const std::string& target,
                            const DownloadProgress& progress, const std::stop_token& stop) {
  if (const base::Fd there(::open(target.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)); there) {
    auto found = digests_of(there.get(), target);
    if (found && check(wanted, *found)) return SourceFile{wanted.path, found->bytes, found->sha256};
  }
  for (bool again = false;; again = true) {
    auto part = Part::open(target + ".part");
    if (!part) return base::pass_on(part);
    const bool from_earlier = part->size() > 0;
    if (wanted.bytes != 0 && part->size() > wanted.bytes) {
      if (auto restarted = part->restart(); !restarted) return base::pass_on(restarted);
    }
    if (auto done = fetch_all(web, wanted, *part, progress, stop); !done) return base::pass_on(done);
    auto found = digests_of(part->fd(), target);
    if (!found) return base::pass_on(found);
    const auto right = check(wanted, *found);
    if (right) {
      if (auto named = part->name(target); !named) return base::pass_on(named);
      return SourceFile{wanted.path, found->bytes, found->sha256};
    }
    part->discard();
    // What an earlier attempt left may have been wrong: once more, and all of it.
    if (!from_earlier || again) return tl::unexpected(right.error());
  }
}

}  // namespace blindbox::model
