"""The user-facing texts, in English and Turkish; the only place they stand.

`TEXTS` has one entry per error code, `FAULT_TEXTS` one per fault of a request's field.
"""

from typing import Literal, get_args

Locale = Literal["en", "tr"]
LOCALES: tuple[str, ...] = get_args(Locale)


def localized(texts: dict[str, str], locale: str) -> str:
    """Return the text for `locale`, English when there is none."""
    return texts.get(locale, texts["en"])


TEXTS: dict[str, dict[str, str]] = {
    "invalid_request": {"en": "The request is not valid.", "tr": "İstek geçerli değil."},
    "unauthenticated": {"en": "Please sign in.", "tr": "Lütfen oturum açın."},
    "forbidden": {"en": "You may not do this.", "tr": "Bunu yapmaya yetkiniz yok."},
    "csrf_refused": {
        "en": "This request came from another site and was refused.",
        "tr": "Bu istek başka bir siteden geldi ve reddedildi.",
    },
    "not_found": {"en": "There is nothing here.", "tr": "Burada bir şey yok."},
    "method_not_allowed": {
        "en": "This address does not take that method.",
        "tr": "Bu adres bu yöntemi kabul etmiyor.",
    },
    "unsupported_media_type": {
        "en": "Send the body as application/json.",
        "tr": "Gövdeyi application/json olarak gönderin.",
    },
    "payload_too_large": {"en": "The request is too large.", "tr": "İstek çok büyük."},
    "rate_limited": {
        "en": "Too many requests. Please wait a moment.",
        "tr": "Çok fazla istek. Lütfen biraz bekleyin.",
    },
    "job_finished": {
        "en": "This job has already finished.",
        "tr": "Bu iş zaten sona erdi.",
    },
    "not_retryable": {
        "en": "This job cannot be retried.",
        "tr": "Bu iş yeniden denenemez.",
    },
    "idempotency_conflict": {
        "en": "This Idempotency-Key was used with another request.",
        "tr": "Bu Idempotency-Key başka bir istekle kullanıldı.",
    },
    "queue_full": {
        "en": "The line is full. Please try again later.",
        "tr": "Sıra dolu. Lütfen daha sonra tekrar deneyin.",
    },
    "too_many_jobs": {
        "en": "You have reached the limit of unfinished jobs: {limit}.",
        "tr": "Tamamlanmamış {limit} işiniz var; aynı anda daha fazlasına izin verilmiyor.",
    },
    "queue_unavailable": {
        "en": "The service cannot be reached right now. Nothing was stored; please try again.",
        "tr": "Hizmete şu anda ulaşılamıyor. Hiçbir şey kaydedilmedi; lütfen tekrar deneyin.",
    },
    "forge_timeout": {
        "en": "The Forge API timed out ({seconds}s). Please try again.",
        "tr": "Forge API zaman aşımına uğradı ({seconds}s). Lütfen tekrar deneyin.",
    },
    "forge_unavailable": {
        "en": "The image server failed while it drew this picture. Please try again.",
        "tr": "Görsel sunucusu bu görseli çizerken durdu. Lütfen tekrar deneyin.",
    },
    "forge_rejected": {
        "en": "The image server did not accept this request.",
        "tr": "Görsel sunucusu bu isteği kabul etmedi.",
    },
    "forge_out_of_memory": {
        "en": "The image server ran out of memory for this size. Try a smaller one.",
        "tr": "Görsel sunucusunun belleği bu boyuta yetmedi. Daha küçük bir boyut deneyin.",
    },
    "forge_bad_response": {
        "en": "The image server did not return a usable picture. Please try again.",
        "tr": "Görsel sunucusu kullanılabilir bir görsel döndürmedi. Lütfen tekrar deneyin.",
    },
    "model_not_found": {
        "en": "The chosen model is not available.",
        "tr": "Seçilen model kullanılamıyor.",
    },
    "stuck": {
        "en": "The job stopped making progress (Stuck Job Guard)",
        "tr": "İşlem zaman aşımına uğradı (Stuck Job Guard)",
    },
    "worker_lost": {
        "en": "The worker died while it drew this picture. Failed runs: {deaths}.",
        "tr": "Bu görsel çizilirken işçi süreç {deaths} kez durdu.",
    },
    "expired": {
        "en": "The job waited too long and was removed from the line.",
        "tr": "İş çok uzun süre bekledi ve sıradan çıkarıldı.",
    },
    "cancelled": {"en": "The job was cancelled.", "tr": "İş iptal edildi."},
    "internal": {
        "en": "Something went wrong on our side. Please try again.",
        "tr": "Bizim tarafımızda bir sorun oluştu. Lütfen tekrar deneyin.",
    },
}

FAULT_TEXTS: dict[str, dict[str, str]] = {
    "required": {"en": "This field is required.", "tr": "Bu alan zorunlu."},
    "unknown_field": {"en": "There is no such field.", "tr": "Böyle bir alan yok."},
    "not_an_object": {"en": "Send a JSON object.", "tr": "Bir JSON nesnesi gönderin."},
    "not_json": {"en": "This is not valid JSON.", "tr": "Bu geçerli bir JSON değil."},
    "too_deep": {"en": "This JSON is nested too deeply.", "tr": "Bu JSON çok fazla iç içe."},
    "duplicate_key": {"en": "This key appears twice.", "tr": "Bu anahtar iki kez geçiyor."},
    "not_text": {"en": "This must be text.", "tr": "Bu bir metin olmalı."},
    "empty": {"en": "This must not be empty.", "tr": "Bu boş olamaz."},
    "too_long": {
        "en": "The longest text allowed, in characters: {limit}.",
        "tr": "En fazla {limit} karaktere izin verilir.",
    },
    "bad_characters": {
        "en": "This contains characters that are not allowed.",
        "tr": "Burada izin verilmeyen karakterler var.",
    },
    "not_an_integer": {"en": "This must be a whole number.", "tr": "Bu bir tam sayı olmalı."},
    "not_a_number": {"en": "This must be a finite number.", "tr": "Bu sonlu bir sayı olmalı."},
    "out_of_range": {
        "en": "This must be between {low} and {high}.",
        "tr": "Bu {low} ile {high} arasında olmalı.",
    },
    "not_a_multiple": {
        "en": "This must be a multiple of {step}.",
        "tr": "Bu {step} sayısının katı olmalı.",
    },
    "too_many_pixels": {
        "en": "Width times height may be at most {limit}.",
        "tr": "Genişlik çarpı yükseklik en fazla {limit} olabilir.",
    },
    "not_one_of": {
        "en": "This must be one of: {choices}.",
        "tr": "Bu şunlardan biri olmalı: {choices}.",
    },
    "not_available": {
        "en": "The image server does not have this.",
        "tr": "Görsel sunucusunda bu yok.",
    },
    "bad_url": {"en": "This address is not allowed.", "tr": "Bu adrese izin verilmiyor."},
    "bad_cursor": {"en": "This cursor is not valid.", "tr": "Bu imleç geçerli değil."},
    "invalid": {"en": "This value is not valid.", "tr": "Bu değer geçerli değil."},
}
