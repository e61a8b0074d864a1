"""The words of the web page, in each language."""

from __future__ import annotations

from collections.abc import Callable

LANGUAGES = ('en', 'zh')
# What is said -> English, Chinese. Names in braces are filled in.
TABLE: dict[str, tuple[str, str]] = {
    'in_memory': ('built in memory', '内存中的模型'),
    'model': ('Model: **{name}**. [HTTP API](/docs)', '模型：**{name}**。[HTTP API](/docs)'),
    'no_media': ('Give a clip or an image first.', '请先上传视频或图片。'),
    'clip': ('Clip', '视频'),
    'image': ('Image', '图片'),
    'from_second': ('from second', '开始（秒）'),
    'to_second': ('to second (0: its end)', '结束（秒，0 表示到末尾）'),
    'frames': ('Frames that the model reads', '模型读取的帧'),
    'frame': ('frame {number}', '第 {number} 帧'),
    'run': ('Run', '运行'),
    'latency': ('{seconds:.2f} s on {device}', '用时 {seconds:.2f} 秒（{device}）'),
    'how_many': ('how many', '数量'),
    'caption': ('Caption', '描述'),
    'beams': ('beams', '束宽'),
    'caption_column': ('caption', '描述'),
    'score_column': ('score', '分数'),
    'captions': ('Captions, best first', '描述（从最好的开始）'),
    'answer': ('Question', '问答'),
    'history': ('Questions and answers; each question is asked by itself', '问题与回答（每个问题独立回答）'),
    'question': ('Question', '问题'),
    'choices': ('Answers to choose from, with commas between them (optional)', '候选答案，用逗号分隔（可选）'),
    'no_question': ('Write a question first.', '请先输入问题。'),
    'search': ('Search', '检索'),
    'query': ('What the image or clip shows', '图片或视频的内容'),
    'hits': ('Best first', '从最相似的开始'),
    'no_query': ('Write what to look for first.', '请先输入要找的内容。'),
    'part': (', {start:.1f} to {end:.1f} s', '，{start:.1f} 至 {end:.1f} 秒'),
    'ground': ('Grounding', '定位'),
    'phrase': ('Phrase', '短语'),
    'found': ('Found', '找到的区域'),
    'nothing_found': ('{phrase}: nothing found', '{phrase}：没有找到'),
    'classify': ('Class', '分类'),
    'class_names': (
        "Classes, with commas between them; without any, the model's own",
        '类别，用逗号分隔；不填则用模型的',
    ),
    'class': ('Class', '类别'),
    'detect': ('Objects', '检测'),
    'threshold': ('least score', '最低分数'),
    'objects': ('Objects', '物体'),
    'masks': ('masks', '掩码'),
    'attention': ('Attention', '注意力'),
    'explained': ("Text; without any, the model's own caption", '文本；不填则用模型写的描述'),
    'maps_of': ('maps of', '热图对象'),
    'of_text': ('text', '文本'),
    'of_written': ('written words', '生成的词'),
    'of_queries': ('queries', '查询向量'),
    'kind': ('kind', '类型'),
    'looks': ('Where the model looks', '模型关注的位置'),
    'summarize': ('Summary', '摘要'),
    'document': ('Text', '文本'),
    'summary': ('Summary', '摘要'),
}
Say = Callable[..., str]


def speaker(language: str) -> Say:
    """A function from a key of the table, and the values of its names in braces, to the words of a language.

    Raises:
        ValueError: the page does not speak the language.
    """
    if language not in LANGUAGES:
        raise ValueError(f'the page speaks {" and ".join(LANGUAGES)}, not {language!r}')
    column = LANGUAGES.index(language)
    return lambda key, **values: TABLE[key][column].format(**values)
