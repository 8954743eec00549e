// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attester/azure.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "blindbox/base/file.h"
#include "blindbox/evidence/pem.h"

namespace blindbox::attester {
namespace {

constexpr std::size_t kHostCertificatesCap = 64 * 1024;
constexpr std::size_t kUvmEndorsementCap = 256 * 1024;  // real ones have about 11 KiB

// The decoded file, or nothing where there is no such file.
Result<Bytes> read_base64(const std::string& path, std::size_t cap) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 && errno == ENOENT) return Bytes{};
  auto text = base::read_file(path, cap);
  if (!text) return base::pass_on(text);
  auto bytes = base::from_base64(base::as_text(*text));
  if (!bytes) return base::fail(ErrorKind::malformed, path + " is not base64");
  return bytes;
}

// {"vcekCert": PEM, "tcbm": ..., "certificateChain": PEM of ASK and ARK, "cacheControl": ...}
Result<std::vector<Bytes>> parse_host_certificates(ByteView text, const std::string& path) {
  const auto json = nlohmann::json::parse(base::as_text(text), nullptr, false);
  if (!json.is_object()) return base::fail(ErrorKind::malformed, path + " is not a JSON object");
  std::vector<Bytes> out;
  for (const char* member : {"vcekCert", "certificateChain"}) {
    const auto found = json.find(member);
    if (found == json.end() || !found->is_string()) {
      return base::fail(ErrorKind::malformed, path + " has no text \"" + member + "\"");
    }
    auto certificates = evidence::certificates_from_pem(base::view(found->get_ref<const std::string&>()));
    if (!certificates) {
      return base::fail(ErrorKind::malformed, path + ": \"" + member + "\" is malformed", certificates.error().what);
    }
    out.insert(out.end(), certificates->begin(), certificates->end());
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Attester>> Azure::open(const std::string& folder, std::unique_ptr<Attester> device) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return base::fail(ErrorKind::platform, "no security context directory at " + folder, {},
                      "Azure tells a container where it is in UVM_SECURITY_CONTEXT_DIR");
  }
  std::unique_ptr<Azure> azure(new Azure(folder, std::move(device)));
  const std::string host = folder + "/host-amd-cert-base64";
  auto json = read_base64(host, kHostCertificatesCap);
  if (!json) return base::pass_on(json);
  if (!json->empty()) {
    auto certificates = parse_host_certificates(*json, host);
    if (!certificates) return base::pass_on(certificates);
    azure->certificates_ = std::move(*certificates);
  }
  auto endorsement = read_base64(folder + "/reference-info-base64", kUvmEndorsementCap);
  if (!endorsement) return base::pass_on(endorsement);
  azure->uvm_endorsement_ = std::move(*endorsement);
  return std::unique_ptr<Attester>(std::move(azure));
}

Result<evidence::Evidence> Azure::attest(const ByteArray<64>& report_data) {
  auto evidence = device_->attest(report_data);
  if (!evidence) return evidence;
  if (!certificates_.empty()) evidence->certificates = certificates_;
  evidence->uvm_endorsement = uvm_endorsement_;
  return evidence;
}

std::string Azure::description() const { return device_->description() + " with Azure's " + folder_; }

}  // namespace blindbox::attester
