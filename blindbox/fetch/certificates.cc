// SPDX-License-Identifier: Apache-2.0
#include "blindbox/fetch/certificates.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "blindbox/base/file.h"

namespace blindbox::fetch {
namespace {

namespace fs = std::filesystem;
using base::fail;

constexpr std::size_t kCap = std::size_t{1} << 20;
constexpr std::size_t kMostFiles = 100;

Result<std::string> read(const fs::path& path) {
  auto bytes = base::read_file(path.string(), kCap);
  if (!bytes) return base::pass_on(bytes);
  return std::string(base::as_text(*bytes));
}

Result<std::vector<fs::path>> files_in(const std::string& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    out.push_back(entry->path());
    if (out.size() > kMostFiles) return fail(ErrorKind::limit, folder + " has more than 100 files");
  }
  if (error) return fail(ErrorKind::io, "cannot read " + folder + ": " + error.message());
  std::sort(out.begin(), out.end());
  return out;
}

Result<net::WebCertificates> read_folder(const std::string& folder) {
  net::WebCertificates out;
  auto files = files_in(folder);
  if (!files) return base::pass_on(files);
  for (const fs::path& file : *files) {
    if (file.extension() == ".crt") {
      auto text = read(file);
      if (!text) return base::pass_on(text);
      out.authorities.push_back({file.string(), std::move(*text)});
    }
    if (file.extension() == ".cert" && !out.client) {
      const fs::path key = fs::path(file).replace_extension(".key");
      if (std::find(files->begin(), files->end(), key) == files->end())
        return fail(ErrorKind::usage, file.string() + " is a client's certificate without its key", "",
                    "put the key into " + key.string() + "; an authority's certificate ends in .crt");
      auto certificate = read(file), secret = read(key);
      if (!certificate) return base::pass_on(certificate);
      if (!secret) return base::pass_on(secret);
      out.client.emplace(net::WebCertificates::Client{file.string(), std::move(*certificate), std::move(*secret)});
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> default_certificate_folders() {
  std::vector<std::string> out = {"/etc/containers/certs.d", "/etc/docker/certs.d"};
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') out.insert(out.begin(), std::string(home) + "/.config/containers/certs.d");
  return out;
}

Result<net::WebCertificates> find_certificates(const std::vector<std::string>& folders, const std::string& authority) {
  // Other servers' names come out of their redirects: none of them is a path.
  if (authority.starts_with('.') || authority.find('/') != std::string::npos) return net::WebCertificates{};
  for (const std::string& folder : folders) {
    const std::string of_host = folder + "/" + authority;
    std::error_code ignored;
    if (fs::is_directory(of_host, ignored)) return read_folder(of_host);
  }
  return net::WebCertificates{};
}

}  // namespace blindbox::fetch
