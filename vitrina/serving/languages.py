"""The words of the page, in Russian and in English."""

LANGUAGES = ("ru", "en")
# Word by word beside each other, so that none is missing in either.
WORDS: dict[str, tuple[str, str]] = {
    "title": ("Витрина: поиск по каталогу", "Vitrina: search the catalogue"),
    "brand": ("Витрина", "Vitrina"),
    "placeholder": (
        "Что ищете? Например, жёлтая кружка",
        "A yellow mug, for example",
    ),
    "search": ("Найти", "Search"),
    "photo": ("Поиск по фото", "Search by photo"),
    "drop": ("Отпустите фото, чтобы найти похожее", "Drop the photo to find what is like it"),
    "hint": (
        "Напишите, что ищете, или перетащите сюда фото. Нажмите на товар, чтобы увидеть похожие.",
        "Type what you are looking for, or drop a photo here. Click a listing for similar ones.",
    ),
    "by": ("Сравнивать", "Compare"),
    "both": ("текст и фото", "text and photo"),
    "by_image": ("только фото", "photo only"),
    "by_text": ("только текст", "text only"),
    "any": ("любое", "any"),
    "category": ("Категория", "Category"),
    "clear": ("Сбросить", "Clear"),
    "more": ("Показать ещё", "Show more"),
    "nothing": ("Ничего не нашлось.", "Nothing was found."),
    "results": ("Найдено по запросу «{}»", "Results for “{}”"),
    "by_photo": ("Похоже на ваше фото", "Like your photo"),
    "like": ("Похожие на этот товар", "Similar to this listing"),
    "score": ("сходство", "similarity"),
    "listings": ("Товаров в каталоге: {}", "Listings in the catalogue: {}"),
    "too_large": ("Фото больше {} МБ.", "The photo is larger than {} MB."),
    "not_image": ("Это не изображение.", "This is not an image."),
    "refused": (
        "Такой запрос не подходит: измените слова или фильтры.",
        "This cannot be searched for: change the words or the filters.",
    ),
    "gone": ("Этого товара больше нет в каталоге.", "This listing is no longer in the catalogue."),
    "slow_upload": ("Фото загружалось слишком долго.", "The photo took too long to arrive."),
    "no_run": (
        "Каталог ещё обрабатывается, зайдите позже.",
        "The catalogue is still being processed: come back later.",
    ),
    "offline": (
        "Сервер не отвечает, попробуйте ещё раз.",
        "The server does not answer: try again.",
    ),
    "token": ("Токен доступа", "Access token"),
    "log_in": ("Войти", "Log in"),
    "wrong_token": ("Токен не подошёл.", "This is not the token."),
    "needs_token": ("Этот сервер открыт по токену.", "This server asks for a token."),
    "other_language": ("English", "Русский"),
    "other_lang": ("en", "ru"),
    "remove_photo": ("Убрать фото", "Remove the photo"),
    "no_image": ("нет изображения", "no image"),
}


def words(language: str) -> dict[str, str]:
    """All words of the page in a language."""
    position = LANGUAGES.index(language)
    return {name: pair[position] for name, pair in WORDS.items()}


def chosen_language(asked: str, kept: str, accepted: str) -> str:
    """The language asked for, or that of the last visit, or the browser's first that is known.

    ``accepted`` is an Accept-Language header, such as ``de, ru;q=0.8``. Without any it is Russian,
    as the catalogue is.
    """
    for given in (asked, kept):
        if given in LANGUAGES:
            return given
    return next((one for one in _by_preference(accepted) if one in LANGUAGES), LANGUAGES[0])


def _by_preference(accepted: str) -> list[str]:
    """The languages of an Accept-Language header, without their regions, the best first."""
    weighted = []
    for entry in accepted[:200].split(","):
        name, _, weight = entry.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        weighted.append((-quality, name.strip().split("-")[0].lower()))
    return [name for quality, name in sorted(weighted, key=lambda one: one[0]) if quality < 0]
