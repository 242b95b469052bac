"""The Russian texts of a report, by the English ones.

A text that is missing here stays English; the test of this module finds it.
"""

_VERDICT = {
    "The new model was promoted": "Новая модель принята",
    "The new model was declined": "Новая модель отклонена",
    "Whether the new model is better cannot be told": "Нельзя сказать, лучше ли новая модель",
    "it embeds from now on.": "теперь векторы считает она.",
    "the model before goes on embedding.": "векторы, как и раньше, считает прежняя модель.",
    "promoted": "принята",
    "declined": "отклонена",
    "{metric} {before} → {after}, {gain} times as good": (
        "{metric} {before} → {after}, отношение {gain} (больше 1 — лучше)"
    ),
    "{metric} {before} → {after}, {gain}": "{metric} {before} → {after}, {gain}",
    " ({confidence} interval {low} to {high})": " ({confidence}-й интервал от {low} до {high})",
    "on {n} held-out product": "на {n} отложенном товаре",
    "on {n} held-out products": "на отложенных товарах ({n})",
    "on {n} held-out query": "на {n} отложенном запросе",
    "on {n} held-out queries": "на отложенных запросах ({n})",
    "; gate.margin is {margin}": "; gate.margin равен {margin}",
    ": the two models rank them alike": ": обе модели ранжируют их одинаково",
    ": the two models are too alike to tell": ": модели слишком похожи, чтобы сказать",
    ": about {more} more would tell": ": чтобы сказать, нужно ещё примерно {more}",
    "the new model was rolled back before, so it is not promoted automatically; "
    "flows/roll_back.py --to makes it the current one": (
        "новую модель уже откатывали, поэтому сама она не принимается; текущей её делает "
        "flows/roll_back.py --to"
    ),
    "the new model, which embeds": "новая модель, считает векторы",
    "the model before, which embeds": "прежняя модель, считает векторы",
    "the new model, not used": "новая модель, не используется",
    "the model before, not used": "прежняя модель, не используется",
}

_METRICS = {
    "recall@1, text → image": "recall@1, текст → фото",
    "recall@5, text → image": "recall@5, текст → фото",
    "recall@10, text → image": "recall@10, текст → фото",
    "recall@1, image → text": "recall@1, фото → текст",
    "recall@5, image → text": "recall@5, фото → текст",
    "recall@10, image → text": "recall@10, фото → текст",
    "geometric mean rank, text → image": "средний геометрический ранг, текст → фото",
    "geometric mean rank, image → text": "средний геометрический ранг, фото → текст",
    "median rank, text → image": "медианный ранг, текст → фото",
    "median rank, image → text": "медианный ранг, фото → текст",
    "MRR, both ways": "MRR, в обе стороны",
    "nDCG@10, both ways": "nDCG@10, в обе стороны",
    "unseen queries, nDCG@10 by grade": "новые запросы, nDCG@10 по оценкам",
    "unseen queries, recall@1": "новые запросы, recall@1",
    "unseen queries, recall@10": "новые запросы, recall@10",
    "unseen queries, geometric mean rank": "новые запросы, средний геометрический ранг",
    "unseen queries, MRR": "новые запросы, MRR",
    "queries for unseen products, nDCG@10 by grade": "запросы к новым товарам, nDCG@10 по оценкам",
    "queries for unseen products, recall@1": "запросы к новым товарам, recall@1",
    "queries for unseen products, recall@10": "запросы к новым товарам, recall@10",
    "queries for unseen products, geometric mean rank": (
        "запросы к новым товарам, средний геометрический ранг"
    ),
    "queries for unseen products, MRR": "запросы к новым товарам, MRR",
    "duplicates by text, PR-AUC": "дубликаты по тексту, PR-AUC",
    "duplicates by image, PR-AUC": "дубликаты по фото, PR-AUC",
    "duplicates by both, PR-AUC": "дубликаты по тексту и фото, PR-AUC",
    "category by its name alone, accuracy": "категория по одному названию, точность",
    "linear probe on text, accuracy": "линейная проба по тексту, точность",
    "linear probe on text, macro F1": "линейная проба по тексту, макро-F1",
    "linear probe on text, weighted F1": "линейная проба по тексту, взвешенная F1",
    "linear probe on images, accuracy": "линейная проба по фото, точность",
    "linear probe on images, macro F1": "линейная проба по фото, макро-F1",
    "linear probe on images, weighted F1": "линейная проба по фото, взвешенная F1",
    "linear probe on both, accuracy": "линейная проба по обоим, точность",
    "linear probe on both, macro F1": "линейная проба по обоим, макро-F1",
    "linear probe on both, weighted F1": "линейная проба по обоим, взвешенная F1",
    # As the gate names them.
    "mean geometric rank": "средний геометрический ранг",
    "text to image geometric rank": "геометрический ранг текст → фото",
    "image to text geometric rank": "геометрический ранг фото → текст",
    "mean mrr": "средний MRR",
    "mean ndcg at 10": "средний nDCG@10",
    "mean recall at 1": "средний recall@1",
    "mean recall at 5": "средний recall@5",
    "mean recall at 10": "средний recall@10",
    "text to image recall at 1": "recall@1 текст → фото",
    "image to text recall at 1": "recall@1 фото → текст",
    "unseen queries geometric rank": "геометрический ранг новых запросов",
    "unseen queries ndcg at 10": "nDCG@10 новых запросов",
    "unseen queries mrr": "MRR новых запросов",
    "unseen queries recall at 1": "recall@1 новых запросов",
    "unseen queries recall at 10": "recall@10 новых запросов",
    "unseen products geometric rank": "геометрический ранг запросов к новым товарам",
    "unseen products ndcg at 10": "nDCG@10 запросов к новым товарам",
    "unseen products mrr": "MRR запросов к новым товарам",
    "unseen products recall at 1": "recall@1 запросов к новым товарам",
    "unseen products recall at 10": "recall@10 запросов к новым товарам",
}

_REASONS = {
    "malformed row": "испорченная строка",
    "missing id": "нет id",
    "invalid id": "неверный id",
    "missing title": "нет названия",
    "missing description": "нет описания",
    "duplicate id": "повтор id",
    "unsafe path": "небезопасный путь",
    "no image value": "фото не указано",
    "invalid image value": "неверно указано фото",
    "missing image": "нет файла фото",
    "empty image": "пустой файл",
    "unreadable image": "фото не читается",
    "truncated image": "фото обрезано",
    "not found url": "нет фото по адресу",
    "refused url": "адрес не допущен",
    "failed download": "не удалось скачать",
    "too large image": "слишком большое фото",
    # Of the table of queries.
    "missing query": "нет запроса",
    "invalid weight": "неверный вес",
    "unknown listing": "нет такого товара",
}

_STAGES = {
    "draw_demo": "рисование демо",
    "clean": "очистка",
    "resize": "уменьшение фото",
    "queries": "запросы",
    "prepare_model": "исходная модель",
    "train": "обучение",
    "evaluate": "оценка",
    "promote": "выбор модели",
    "embed": "векторы",
    "index": "индекс",
    "changes": "изменения",
    "duplicates": "дубликаты",
    "health": "проверка каталога",
    "all stages": "все этапы",
}

_HEALTH = {
    "title and image do not fit": "название и фото не подходят друг другу",
    "one image under many different titles": "одно фото у многих разных названий",
    "looks like another category": "похоже на другую категорию",
    "small image": "маленькое фото",
    "blurred or blank image": "размытое или пустое фото",
    "the same product listed again": "тот же товар ещё раз",
    "title and image fit {z} deviations worse than usual: cosine {own}, and {expected} with the "
    "titles of similar images": (
        "название и фото подходят друг другу хуже обычного на {z} стандартных отклонений: косинус "
        "{own}, а с названиями похожих фото {expected}"
    ),
    "one image under {titles} different titles": "одно фото, а разных названий {titles}",
    "in {given}, looks like {likely} ({probability})": (
        "в категории {given}, похоже на {likely} ({probability})"
    ),
    "{width} × {height} pixels, wanted are {wanted}": (
        "{width} × {height} пикселей, нужно {wanted}"
    ),
    "one colour only": "только один цвет",
    "{z} deviations less sharp than usual": (
        "менее резкое, чем обычно, на {z} стандартных отклонений"
    ),
    "a copy of another listing, cosine {cosine}": "копия другого товара, косинус {cosine}",
    "another listing with the same title, cosine {cosine}": (
        "другой товар с тем же названием, косинус {cosine}"
    ),
    "another listing with the same image, cosine {cosine}": (
        "другой товар с тем же фото, косинус {cosine}"
    ),
    "the same product as another listing, cosine {cosine}": (
        "то же, что другой товар, косинус {cosine}"
    ),
    "a similar image": "похожее фото",
    "the same image": "то же фото",
    "the same product": "тот же товар",
    "with any problem": "с любой проблемой",
    "Health of the catalogue": "Проверка каталога",
    "Listings that look wrong": "Подозрительные товары",
    "listings that look wrong": "подозрительные товары",
    "no image": "нет фото",
    "no file": "нет файла",
    "empty file": "пустой файл",
    "{n} bytes: {start}…": "{n} байт: {start}…",
}

_DUPLICATES = {
    "Duplicates": "Дубликаты",
    "same title or same image": "то же название или то же фото",
    "another title and another image": "другие название и фото",
    "{groups} with {listings} listings": "{groups}, в них товаров: {listings}",
    "groups": "группы",
    "groups of duplicates": "группы дубликатов",
    "copies: same title and same image": "копии: те же название и фото",
    "pairs with the same title": "пары с тем же названием",
    "pairs with the same image": "пары с тем же фото",
    "pairs with {kind}": "пары: {kind}",
    "least cosine, {kind}": "наименьший косинус: {kind}",
    "precision": "точность",
    "precision, {kind}": "точность: {kind}",
    "recall": "полнота",
    "cannot tell": "нельзя сказать",
    "chosen for the precision": "выбран по точности",
    "the default": "по умолчанию",
    "as given": "как задано",
    "every near pair": "все близкие пары",
    "none is high enough": "достаточного нет",
    "cannot tell: {known} products are known to have such duplicates, {needed} are needed": (
        "нельзя сказать: известно товаров с такими дубликатами {known}, нужно {needed}"
    ),
    "{share}, 95% interval {low} to {high}, from {products} {basis}": (
        "{share}, 95%-й интервал от {low} до {high}, товаров: {products} ({basis})"
    ),
    "at least {share}, 95% interval {low} to {high}, from {products} {basis}": (
        "не меньше {share}, 95%-й интервал от {low} до {high}, товаров: {products} ({basis})"
    ),
    "held-out products": "отложенные",
    "products, held out or not": "отложенные и нет",
    "judged by {column}": "по столбцу {column}",
    "pairs of another title and image count as wrong": (
        "пары с другими названием и фото считаются ошибкой"
    ),
    "no pairs are reported": "пар нет",
}

_INDEX = {
    "Index": "Индекс",
    "written": "записано",
    "removed": "удалено",
    "search": "поиск",
    "approximate": "приближённый",
    "exact: each listing is compared": "точный: сравнивается каждый товар",
    "texts": "тексты",
    "both": "вместе",
    "vectors in the table": "векторы в таблице",
    "image's share in both": "доля фото в общем векторе",
    "{weight}: MRR {mrr} (texts alone {texts}, images {images})": (
        "{weight}: MRR {mrr} (одни тексты {texts}, одни фото {images})"
    ),
    "Changes": "Изменения",
    "since the previous run": "с прошлого запуска",
    "the first run": "первый запуск",
    "added": "добавлено",
    "changed": "изменено",
    "unchanged": "без изменений",
    "embedded by another model": "векторы другой модели",
}

_TRAINING = {
    "Training": "Обучение",
    "Loss": "Функция потерь",
    "loss": "потери",
    "learning rate": "скорость обучения",
    "step": "шаг",
    "Recall on validation rows": "Recall на проверочных строках",
    "Recall by WiSE-FT alpha": "Recall по alpha WiSE-FT",
    "alpha: 0 is the base model, 1 the fine-tuned one": "alpha: 0 исходная модель, 1 дообученная",
    "best epoch": "лучшая эпоха",
    "{epoch} of {epochs}": "{epoch} из {epochs}",
    "Model": "Модель",
    "new model": "новая модель",
    "reason": "причина",
}

_TABLES = {
    "Rows": "Строки",
    "rows": "строк",
    "in the catalogue": "в каталоге",
    "kept": "оставлено",
    "rejected: {reason}": "отклонено: {reason}",
    "Queries": "Запросы",
    "in the table": "в таблице",
    "different queries": "разных запросов",
    "pairs of a query and a listing": "пар запроса и товара",
    "chance": "наугад",
    "before": "до",
    "after": "после",
    "difference": "разница",
    "Held-out products: {products} with {listings} listings; 95% intervals": (
        "Отложенных товаров: {products}, строк: {listings}; 95%-е интервалы"
    ),
    ". Unseen queries: {queries}, among {listings} listings": (
        ". Новых запросов: {queries}, среди товаров: {listings}"
    ),
    "Duplicates and categories": "Дубликаты и категории",
    "Time": "Время",
    "s": "с",
    "Paths": "Пути",
    "processed table": "обработанная таблица",
    "rejected rows": "отклонённые строки",
    "checkpoint": "чекпойнт",
    "fine-tuned ruCLIP": "дообученная ruCLIP",
    "current ruCLIP": "текущая ruCLIP",
    "embeddings": "векторы",
    "index, a LanceDB table": "индекс, таблица LanceDB",
    "metrics": "метрики",
    "this report": "этот отчёт",
    "listings": "товаров",
    "images": "фото",
}

_PAGE = {
    "Vitrina run report": "Отчёт о запуске Витрины",
    "Demo catalogue": "Демонстрационный каталог",
    "This run": "Этот запуск",
    "catalogue": "каталог",
    "base model": "исходная модель",
    "embeds": "векторы считает",
    "text of a listing": "текст товара",
    "arithmetic": "арифметика",
    "output": "результаты",
    "started": "начат",
    "run in Prefect": "запуск в Prefect",
    "versions": "версии",
    "named by the catalogue": "указаны в каталоге",
    "Parameters other than the defaults": "Параметры не по умолчанию",
    "none": "нет",
    "yes": "да",
    "no": "нет",
    "listings kept": "товаров оставлено",
    "of {rows}, {rejected} rejected": "из {rows}, отклонено {rejected}",
    "the new model; {before} before training": "новая модель; до обучения {before}",
    "time": "время",
    "{n} s": "{n} с",
    "{n} min {m} s": "{n} мин {m} с",
    "{n} h {m} min": "{n} ч {m} мин",
    "Compared with the run before": "По сравнению с прошлым запуском",
    "run before": "прошлый запуск",
    "this run": "этот запуск",
    "listings in the catalogue": "товаров в каталоге",
    "Parameters that differ": "Различия параметров",
    "default": "по умолчанию",
    "This is the first run of this output.": "Это первый запуск с этими результатами.",
    "The run before is of {date}. Metrics are those of the new model of each run.": (
        "Прошлый запуск: {date}. Метрики — новой модели каждого запуска."
    ),
    "The catalogue has changed since, so the metrics are of other held-out products.": (
        "Каталог с тех пор изменился, поэтому метрики относятся к другим отложенным товарам."
    ),
    "Metrics": "Метрики",
    "Before and after training": "До и после обучения",
    "Nearest images": "Ближайшие фото",
    "Held-out titles and the images that each model finds for them, the nearest first. Green: an "
    "image of the same product. Below each: its cosine with the title.": (
        "Отложенные названия и фото, которые находит для них каждая модель, ближайшие первыми. "
        "Зелёная рамка: фото того же товара. Под фото: косинус с названием."
    ),
    "its image": "его фото",
    "first": "первое",
    "rank {rank}": "ранг {rank}",
    "Map of the listings": "Карта товаров",
    "Each point is a listing; what the model finds similar lies close together. Only nearness has "
    "a meaning, not the axes.": (
        "Каждая точка — товар; похожее для модели лежит рядом. Значение имеет только близость, "
        "не оси."
    ),
    "other": "другие",
    "Rejected images": "Отклонённые фото",
    "All tables": "Все таблицы",
    # Descriptions of the artifacts in a workflow's UI.
    "Rows kept and rejected": "Оставленные и отклонённые строки",
    "Held-out metrics before and after training": "Метрики на отложенном до и после обучения",
    "Loss and recall over the steps": "Потери и recall по шагам",
    "Nearest images of held-out titles": "Ближайшие фото отложенных названий",
}

RUSSIAN: dict[str, str] = (
    _VERDICT
    | _METRICS
    | _REASONS
    | _STAGES
    | _HEALTH
    | _DUPLICATES
    | _INDEX
    | _TRAINING
    | _TABLES
    | _PAGE
)
