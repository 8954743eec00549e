// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attester/tsm.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "blindbox/attester/internal/answer.h"
#include "blindbox/base/fd.h"
#include "blindbox/base/file.h"
#include "blindbox/evidence/sev_snp/certificate_table.h"

namespace blindbox::attester {
namespace {

constexpr std::size_t kTextCap = 4096;          // a configfs attribute is at most a page
constexpr std::size_t kOutblobCap = 32 * 1024;  // TSM_OUTBLOB_MAX
constexpr int kTries = 4;

// One report instance; the folder goes with it.
class Instance {
 public:
  static Result<Instance> make(const std::string& folder) {
    const std::string path = folder + "/blindbox-" + base::to_hex(base::random_bytes(8));
    if (::mkdir(path.c_str(), 0700) != 0) {
      return base::fail(ErrorKind::platform, "cannot make a report folder in " + folder + ": " + std::strerror(errno));
    }
    return Instance(path);
  }
  Instance(Instance&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Instance& operator=(Instance&&) = delete;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance() {
    if (!path_.empty()) (void)::rmdir(path_.c_str());
  }

  [[nodiscard]] bool has(const char* name) const { return ::access(at(name).c_str(), F_OK) == 0; }

  [[nodiscard]] Result<Bytes> read(const char* name, std::size_t cap) const {
    auto bytes = base::read_file(at(name), cap);
    if (!bytes) return platform_error(bytes.error().what);
    return bytes;
  }

  // A trailing line feed is the kernel's way of ending a value.
  [[nodiscard]] Result<std::string> text(const char* name) const {
    auto bytes = read(name, kTextCap);
    if (!bytes) return base::pass_on(bytes);
    std::string value(base::as_text(*bytes));
    if (!value.empty() && value.back() == '\n') value.pop_back();
    return value;
  }

  [[nodiscard]] Result<std::uint64_t> generation() const {
    const auto value = text("generation");
    if (!value) return tl::unexpected<Error>(value.error());
    std::uint64_t number = 0;
    const char* end = value->data() + value->size();
    const auto [stop, error] = std::from_chars(value->data(), end, number);
    if (error != std::errc{} || stop != end) return platform_error(at("generation") + " does not hold a number");
    return number;
  }

  // The kernel takes a binary attribute over when its file is closed: one open, one write, one close.
  [[nodiscard]] Result<void> write(const char* name, ByteView value) const {
    base::Fd file(::open(at(name).c_str(), O_WRONLY | O_CLOEXEC));
    ssize_t put = -1;
    if (file) {
      do {
        put = ::write(file.get(), value.data(), value.size());
      } while (put < 0 && errno == EINTR);
    }
    const bool all = put >= 0 && static_cast<std::size_t>(put) == value.size();
    if (!all || ::close(file.release()) != 0) {
      return platform_error("cannot write " + at(name) + ": " + std::strerror(errno));
    }
    return {};
  }

 private:
  explicit Instance(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] std::string at(const char* name) const { return path_ + "/" + name; }
  [[nodiscard]] static tl::unexpected<Error> platform_error(std::string what) {
    return base::fail(ErrorKind::platform, std::move(what));
  }

  std::string path_;
};

Result<void> check_provider(const Instance& instance) {
  const auto provider = instance.text("provider");
  if (!provider) return tl::unexpected<Error>(provider.error());
  if (*provider == "sev_guest") return {};
  const std::string shown = base::is_utf8(*provider) ? provider->substr(0, 64) : base::to_hex(base::view(*provider));
  return base::fail(ErrorKind::platform, "this guest's reports are not SEV-SNP's",
                    "expected provider sev_guest, got " + shown.substr(0, 64));
}

struct Blobs {
  Bytes report;
  Bytes certificates;
};

// Absent when somebody else wrote to the instance meanwhile: the blobs may then belong to their request.
Result<std::optional<Blobs>> ask_once(const Instance& instance, const ByteArray<64>& report_data) {
  const auto before = instance.generation();
  if (!before) return tl::unexpected<Error>(before.error());
  if (auto written = instance.write("inblob", report_data); !written) return base::pass_on(written);
  Blobs blobs;
  auto report = instance.read("outblob", kOutblobCap);
  if (!report) return base::pass_on(report);
  blobs.report = std::move(*report);
  if (instance.has("auxblob")) {
    auto certificates = instance.read("auxblob", evidence::sev_snp::kCertificateTableCap);
    if (!certificates) return base::pass_on(certificates);
    blobs.certificates = std::move(*certificates);
  }
  const auto after = instance.generation();
  if (!after) return tl::unexpected<Error>(after.error());
  if (*after != *before + 1) return std::optional<Blobs>{};
  return std::optional<Blobs>(std::move(blobs));
}

}  // namespace

Result<std::unique_ptr<Attester>> Tsm::open(const std::string& folder, std::string description) {
  const auto instance = Instance::make(folder);
  if (!instance) return tl::unexpected<Error>(instance.error());
  if (auto sev = check_provider(*instance); !sev) return base::pass_on(sev);
  return std::unique_ptr<Attester>(new Tsm(folder, std::move(description)));
}

Result<evidence::Evidence> Tsm::attest(const ByteArray<64>& report_data) {
  const auto instance = Instance::make(folder_);
  if (!instance) return tl::unexpected<Error>(instance.error());
  if (auto sev = check_provider(*instance); !sev) return base::pass_on(sev);
  for (int attempt = 0; attempt < kTries; ++attempt) {
    auto blobs = ask_once(*instance, report_data);
    if (!blobs) return base::pass_on(blobs);
    if (!blobs->has_value()) continue;
    return internal::make_evidence(std::move((*blobs)->report), report_data, (*blobs)->certificates, description_);
  }
  return base::fail(ErrorKind::platform, "another process keeps writing to this one's report folder in " + folder_,
                    "the generation changed in " + std::to_string(kTries) + " attempts");
}

}  // namespace blindbox::attester
