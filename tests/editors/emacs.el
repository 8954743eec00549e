;; SPDX-License-Identifier: Apache-2.0
;; A person in Emacs with eglot: the recipe of docs/editors.md ($BLINDBOX_RECIPE), a Python file, completion-at-point.
;; What came of it goes to $BLINDBOX_RESULT as JSON.
(require 'package)
(package-initialize)
(unless (require 'eglot nil t) (kill-emacs 77))
(require 'json)
(load (getenv "BLINDBOX_RECIPE") nil t)
(setq eglot-sync-connect 60 eglot-connect-timeout 60)

(let ((shown nil) (result nil))
  (advice-add 'message :before
              (lambda (format &rest arguments) (when format (push (apply #'format format arguments) shown))))
  (find-file (expand-file-name "a.py" (getenv "BLINDBOX_FOLDER")))
  (apply #'eglot (eglot--guess-contact))
  (goto-char (point-min))
  (forward-line 1)
  (end-of-line)
  (completion-at-point)
  (push (cons 'text (buffer-string)) result)
  ;; The second line of what the server is told is typed after it has seen the first.
  (goto-char (point-min))
  (insert "s = '😀😀'x\n")
  (forward-line 1)
  (end-of-line)
  (insert "\n    ")
  (completion-at-point)
  (push (cons 'after-edit (buffer-string)) result)
  (set-buffer-modified-p nil)
  (eglot-shutdown (eglot-current-server))
  (push (cons 'shown (vconcat shown)) result)
  (with-temp-file (getenv "BLINDBOX_RESULT")
    (set-buffer-file-coding-system 'utf-8)
    (insert (json-encode result))))
